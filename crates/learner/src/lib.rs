//! Policies and how they learn: networks, PPO, optimiser and checkpoints.
pub mod kernels;
pub mod network;
pub mod random;
