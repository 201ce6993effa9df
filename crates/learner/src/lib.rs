//! Policies and how they learn: networks, PPO, optimiser and checkpoints.
pub mod adam;
pub mod backend;
pub mod categorical;
pub mod gae;
pub mod kernels;
pub mod network;
pub mod ppo;
pub mod random;
