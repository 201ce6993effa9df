//! What a run's configuration means: its world, its learner, its archive rows, and how its policies are evaluated.
//!
//! The glue between the contracts and the numeric crates, which know nothing of each other.

mod frame;
mod learning;
mod play;
pub mod playback;
mod protocol;
mod rows;
mod scores;
mod teams;
mod world;

pub use frame::live_frame;
pub use learning::{ppo_config, segment_envs};
pub use play::play;
pub use protocol::{EVALUATION_SEED, protocol};
pub use rows::{EpisodeOrigin, episode_summary, segments};
pub use scores::{References, agent_score};
pub use teams::{Teams, common_team_size, team_size};
pub use world::{world_config, worlds};
