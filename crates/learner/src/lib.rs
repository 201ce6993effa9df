//! Policies and how they learn: networks, PPO, optimiser and checkpoints.
pub mod adam;
pub mod backend;
pub mod categorical;
pub mod checkpoint;
pub mod error;
pub mod gae;
pub mod kernels;
pub mod learner;
pub mod network;
pub mod policy;
pub mod ppo;
pub mod random;
pub mod record;
pub mod report;
pub mod rollout;

pub use backend::Backend;
pub use checkpoint::Checkpoint;
pub use error::LearnerError;
pub use learner::Learner;
pub use policy::{Policy, Selection};
pub use ppo::PpoConfig;
pub use record::RolloutRecord;
pub use report::UpdateReport;
