//! What a run is asked to do: the world it lives in, how it learns, what it records.
//!
//! A [`RunConfig`] is complete: every default has been filled in when the run was accepted, so that a run means the
//! same for ever, whatever later versions choose as defaults. [`crate::commands::StartRun`] is the optional form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest integer that every JSON reader keeps exactly (RFC 8259, section 6).
pub const MAX_SEED: u64 = (1 << 53) - 1;

/// The complete configuration of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunConfig {
    /// Source of all randomness of the run.
    pub seed: u64,
    /// Every episode of evaluations plays in this world, and those of training too unless their worlds are drawn.
    pub world: WorldSettings,
    /// Which worlds the run trains in; absent means `fixed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worlds: Option<Worlds>,
    pub learning: LearningSettings,
    pub recording: RecordingSettings,
    /// How checkpoints of the run are evaluated.
    pub evaluation: EvaluationSettings,
}

impl RunConfig {
    /// Which worlds the run trains in.
    pub fn worlds(&self) -> Worlds {
        self.worlds.unwrap_or_default()
    }
}

/// Which worlds a run trains in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Worlds {
    /// In one: every episode has the size, team, kind of map and drain rate of `world`.
    #[default]
    Fixed,
    /// In all: every episode draws sides of 8 to 50 cells, kind of map and drain rate, teams are of 1 to 10 robots. What
    /// else `world` says holds for them too.
    Universal,
}

/// The grid world; rules and numbers in `docs/environment.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorldSettings {
    pub environment_type: EnvironmentType,
    /// Cells, x direction.
    pub width: u32,
    /// Cells, y direction.
    pub height: u32,
    pub num_robots: u32,
    pub map: MapSettings,
    /// Steps per episode; absent means max(1000, 4·width·height).
    pub max_steps: Option<u32>,
    pub patrol_reward: PatrolReward,
    pub patrol_mode: PatrolMode,
    pub patrol_radius: PatrolRadius,
    /// Robots start from a list of good positions instead of their stations.
    pub strategic_init: bool,
    /// Battery points per step away from the station.
    pub battery_drain_rate: f64,
    /// Weights of the enhanced reward; without effect in the standard environment.
    pub coverage_weight: f64,
    pub exploration_weight: f64,
    pub diversity_weight: f64,
    pub threat_penalty_weight: f64,
    /// Times the reward for an object's removal, in both environments.
    #[serde(default = "one")]
    pub object_weight: f64,
}

/// The weight of objects in runs that could not choose it.
fn one() -> f64 {
    1.0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentType {
    Standard,
    Enhanced,
}

/// How maps are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapSettings {
    pub map_type: MapType,
    /// Fixes the map; absent gives each episode its own.
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    pub seed: Option<u64>,
    /// Number of single obstacles of a `random` map; absent means 3 to 8, drawn per map.
    #[schemars(range(max = 500))]
    pub count: Option<u32>,
    /// Initial wall probability of a `cave` map.
    #[schemars(range(min = 0.0, max = 0.7))]
    pub initial_wall_probability: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MapType {
    Random,
    Maze,
    Room,
    Cave,
}

impl MapType {
    /// As it is written in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Maze => "maze",
            Self::Room => "room",
            Self::Cave => "cave",
        }
    }
}

/// What a patrol is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PatrolReward {
    /// Only growth over time since the cell was last cleared.
    Growth,
    /// All threat removed: the predecessor's rule, which can be exploited.
    Threat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PatrolMode {
    OnAction,
    EveryStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PatrolRadius {
    /// Always 2 cells.
    Fixed,
    /// 3 cells while the mean threat is below 0.2.
    Dynamic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Proximal policy optimisation (Schulman et al. 2017).
    Ppo,
    /// Actors and one learner with V-trace correction (Mnih et al. 2016; Espeholt et al. 2018).
    A3c,
}

impl Algorithm {
    /// As it is written in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ppo => "ppo",
            Self::A3c => "a3c",
        }
    }
}

/// Where the actors of A3C are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Actors {
    /// They take turns with the learner: deterministic, whatever the number of threads.
    InTurns,
    /// `num_workers` threads play while the learner learns; the log records in which order it consumed what they played.
    Threads,
    /// The same, and actors of other processes may join and leave over NATS.
    Nats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyType {
    MlpPolicy,
    CnnPolicy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// Our own kernels.
    Fused,
    /// The same network in dfdx: the reference path.
    Dfdx,
}

/// Hyper-parameters, named as in the literature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LearningSettings {
    pub algorithm: Algorithm,
    pub policy_type: PolicyType,
    pub backend: Backend,
    /// Environment steps (a step of a team of robots counts once).
    pub total_timesteps: u64,
    pub num_envs: u32,
    /// Threads (PPO) or actors (A3C); never changes the result of PPO.
    pub num_workers: u32,
    /// Only A3C knows another than `in_turns`.
    pub actors: Actors,
    /// Steps per environment and update.
    pub rollout_length: u32,
    /// Samples per minibatch.
    pub batch_size: u32,
    pub epochs: u32,
    pub learning_rate: f64,
    pub gamma: f64,
    pub gae_lambda: f64,
    pub clip_range: f64,
    pub entropy_coefficient: f64,
    pub value_coefficient: f64,
    pub max_grad_norm: f64,
    /// Stops the epochs of an update early; absent means never.
    pub target_kl: Option<f64>,
    pub reward_scale: f64,
    /// Extra reward of −weight × mean threat per step, for the learner only.
    pub threat_shaping: f64,
    /// Extra reward for the robot that removes an object, for the learner only; 0 in runs that could not choose. Where worlds are
    /// drawn it is over √robots, and 0 where robots have to charge or cannot keep every cell below full threat.
    #[serde(default)]
    pub object_shaping: f64,
    /// What the first policy adds to the logit of the action that the tour would take next; 0: the policy does not see the
    /// tour, as in runs that could not choose.
    #[serde(default)]
    pub tour_prior: f64,
    /// Added to the normalised advantage of the action that the tour would take; absent means 0.05 for a team and 0 for a
    /// lone robot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tour_anchor: Option<f64>,
    /// Extra reward of weight × free cells × (1 − mean threat) / (100 √robots) per step, for the learner only: of one size in
    /// all worlds. Absent means 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calm_shaping: Option<f64>,
    /// Gradient shards per minibatch: part of the result, unlike the number of threads.
    pub gradient_shards: u32,
    /// Updates between checkpoints.
    pub checkpoint_every_updates: u32,
    /// Learning rate at the end, as a share of that at the start; linear in between, by steps. Absent means 0.02.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_learning_rate_fraction: Option<f64>,
    /// Entropy coefficient at the end; linear in between, by steps. Absent means 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_entropy_coefficient: Option<f64>,
    /// Limit of the clipped value loss; absent means that it is not clipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_range_value: Option<f64>,
    /// Rewards are divided by the running deviation of the discounted return, and `reward_scale` has no effect; absent means
    /// that they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize_returns: Option<bool>,
    /// Units of each of the two hidden layers; absent means 64 or, where the run starts from weights, as many as those have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_size: Option<u32>,
    /// ε of Adam; absent means 1e-5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adam_epsilon: Option<f64>,
}

/// What is kept of training episodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordingSettings {
    pub level: RecordingLevel,
    /// Record every Nth episode; only with level `sampled`.
    pub sample_every: Option<u32>,
    /// Archive bytes after which a `full` or `sampled` recording continues as `actions`.
    pub budget_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingLevel {
    /// Every column.
    Full,
    /// Identity and actions; the rest is simulated again on read.
    Actions,
    /// Every Nth episode in full.
    Sampled,
    None,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluationSettings {
    /// Held-out episodes per evaluation, common to all agents.
    pub episodes: u32,
    /// Ends the run when its evaluations no longer get better; absent means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
}

/// When evaluations no longer get better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EarlyStopping {
    /// Evaluations in a row without an improvement.
    pub patience: u32,
    /// Mean threat by which one has to be lower than the best so far to count as an improvement.
    pub min_delta: f64,
}
