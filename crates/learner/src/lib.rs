//! Policies and how they learn: networks, PPO, optimiser and checkpoints.
//!
//! | module | what |
//! |---|---|
//! | [`learner`] | a run: rollout, advantages, gradient steps, again |
//! | [`rollout`] | environments play on with the current policy |
//! | [`gae`] | generalised advantages, time limits bootstrapped |
//! | [`ppo`] | hyper-parameters, the clipped objective, the optimisation phase |
//! | [`a3c`], [`vtrace`] | lagging actors and one learner, off-policy correction |
//! | [`backend`] | gradients by our kernels or by dfdx |
//! | [`network`], [`kernels`], [`adam`] | perceptron and convolutions, matrix products, the optimiser |
//! | [`policy`] | a saved policy at work |
//! | [`onnx`] | a policy for other runtimes |
//! | [`checkpoint`] | saving a run and continuing it bit for bit |
//! | [`record`], [`report`] | what a rollout looked like, what an update did |
//!
//! Everything is a function of configuration and seed. Every number of a matrix product is one chain of fused
//! multiply-adds in index order, lanes of environments and shards of a minibatch are fixed, and shards are summed in
//! order: so neither threads nor vector width nor batch size change a bit. Random streams are keyed by what they are
//! for, so that a checkpoint needs counters, not generators.
pub mod a3c;
pub mod adam;
pub mod backend;
pub mod categorical;
pub mod checkpoint;
pub mod error;
pub mod gae;
pub mod kernels;
pub mod learner;
pub mod network;
pub mod onnx;
pub mod policy;
pub mod ppo;
mod progress;
pub mod random;
pub mod record;
pub mod report;
pub mod rollout;
mod setup;
pub mod vtrace;

pub use backend::Backend;
pub use checkpoint::Checkpoint;
pub use error::LearnerError;
pub use learner::Learner;
pub use network::Architecture;
pub use policy::{Policy, Selection};
pub use ppo::{Algorithm, PpoConfig};
pub use record::RolloutRecord;
pub use report::UpdateReport;
