//! The grid world: simulator, map generators, scripted agents and metrics.
//!
//! [`World`] is one episode, [`Environment`] a succession of them, [`WorldBatch`] many side by side;
//! [`ObservationSpec`] turns a world into features. Nothing here knows a clock, a file, a network or a serialisation
//! library; randomness is a function of the [`EpisodeKey`].
//!
//! ```
//! use environment::{Action, EpisodeKey, Purpose, StepRecord, World, WorldConfig};
//!
//! let key = EpisodeKey { run_seed: 7, purpose: Purpose::Playback, env_index: 0, episode: 0 };
//! let mut world = World::new(&WorldConfig::default(), key)?;
//! let mut record = StepRecord::new();
//! while !record.done() {
//!     let patrol = world.action_mask(0).allows(Action::Patrol);
//!     world.step(&[if patrol { Action::Patrol } else { Action::TurnLeft }], &mut record);
//! }
//! let summary = world.episode_summary();
//! assert!(summary.truncated && summary.length == 1600);
//! assert!(summary.coverage < 0.1, "a robot that never leaves its station covers 25 of 400 cells");
//! # Ok::<(), environment::WorldError>(())
//! ```
//!
//! # One step, in order
//!
//! | | what happens | where |
//! |---|---|---|
//! | 1 | time advances | `world/step.rs` |
//! | 2 | batteries: −`battery_drain_rate`, or +1 on a station; all empty: −100 and the end | `world/step.rs` |
//! | 3 | threat grows by 1 in every free cell, up to 100; an object adds 5 × its age | `world/threat.rs` |
//! | 4 | with probability 0.02 an object appears | `world/step.rs` |
//! | 5 | moves, resolved so that two robots never share a cell | `world/movement.rs` |
//! | 6 | a robot that moved onto an object removes it | `world/step.rs` |
//! | 7 | turns, then patrols in the order of the robots | `world/square.rs` |
//! | 8 | charging and battery terms, then the weighted ones | `world/reward.rs` |
//! | 9 | the team's reward is divided by its size | `world/step.rs` |
//!
//! Where the rules leave room: *coverage* counts cells that were cleared, *visited share* those that robots entered; a visit
//! is an entry, so standing still is none; a robot with an empty battery still pays the battery terms; in the step in which
//! the last battery runs empty threat does not grow; the division in 9 includes the −100.
//!
//! # Speed
//!
//! No step looks at every cell: threat is a function of time (`world/threat.rs`) and its box sums are lines over time
//! (`world/gain.rs`), so a step costs the same on 8×8 and on 50×50.

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
mod roads;
pub mod simd;
pub mod summary;
pub mod world;
pub mod worlds;

pub use action::{Action, ActionMask, Heading};
pub use agents::{Agent, ScriptedAgent, UnknownAgent};
pub use batch::{BatchConfig, Environment, FinishedEpisode, WorldBatch};
pub use config::{
    CELLS_PER_ROBOT, EnhancedReward, MAX_ROBOTS, MapConfig, MapType, PatrolMode, PatrolRadius, PatrolReward,
};
pub use config::{RewardConfig, WorldConfig};
pub use error::{ConfigError, FieldError, MapError, WorldError};
pub use evaluation::{
    BatchActor, ChoiceEstimate, Comparison, Evaluation, Protocol, ScriptedActor, evaluate, run_episode, run_episodes,
};
pub use map::{Cell, Map};
pub use observation::{FeatureBlock, ObservationSpec};
pub use record::{StepRecord, WorldEvent, WorldEventKind};
pub use rng::{EpisodeKey, Purpose, Stream};
pub use summary::EpisodeSummary;
pub use world::{Robot, SuspiciousObject, World, start_cells};
pub use worlds::{Worlds, drawn_team_size};

/// Version of the rules of the world, stored with every episode. Changing a number of the rules changes it.
pub const RULES_VERSION: u32 = 1;
