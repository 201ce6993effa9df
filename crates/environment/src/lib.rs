//! The grid world: simulator, map generators, scripted agents and metrics.

pub mod action;
pub mod agents;
pub mod batch;
pub mod config;
pub mod error;
pub mod evaluation;
pub mod map;
pub mod maps;
pub mod observation;
pub mod record;
pub mod rng;
pub mod simd;
pub mod summary;
pub mod world;

pub use action::{Action, ActionMask, Heading};
pub use agents::{Agent, ScriptedAgent, UnknownAgent};
pub use batch::{BatchConfig, Environment, FinishedEpisode, WorldBatch};
pub use config::{EnhancedReward, MAX_ROBOTS, MapConfig, MapType, PatrolMode, PatrolRadius, PatrolReward};
pub use config::{RewardConfig, WorldConfig};
pub use error::{ConfigError, FieldError, MapError, WorldError};
pub use evaluation::{
    BatchActor, Comparison, Evaluation, Protocol, ScriptedActor, evaluate, run_episode, run_episodes,
};
pub use map::{Cell, Map};
pub use observation::{FeatureBlock, ObservationSpec};
pub use record::{StepRecord, WorldEvent, WorldEventKind};
pub use rng::{EpisodeKey, Purpose, Stream};
pub use summary::EpisodeSummary;
pub use world::{Robot, SuspiciousObject, World};

/// Version of the rules of the world, stored with every episode. Changing a number of the rules changes it.
pub const RULES_VERSION: u32 = 1;
