//! Commands: imperatives, read strictly. Subject `patrol.cmd.<aggregate>.<verb>`.

use crate::config::{
    Actors, Algorithm, Backend, EnvironmentType, MapSettings, PatrolMode, PatrolRadius, PatrolReward, PolicyType,
    RecordingLevel, Worlds,
};
use crate::events::BlobRef;
use crate::ids::{CheckpointId, EvaluationId, FileId, RunId};
use crate::validation::{self, Reason};
use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident($payload:ty) = $aggregate:literal . $verb:literal;)*) => {
        /// Any command.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Command {
            $($(#[$doc])* $variant($payload),)*
        }

        impl Command {
            /// Aggregate and verb of every command.
            pub const ALL: &'static [(&'static str, &'static str)] = &[$(($aggregate, $verb)),*];

            /// The aggregate that decides on it.
            pub fn aggregate(&self) -> &'static str {
                match self { $(Self::$variant(_) => $aggregate,)* }
            }

            /// What is to be done.
            pub fn verb(&self) -> &'static str {
                match self { $(Self::$variant(_) => $verb,)* }
            }

            /// The JSON payload.
            pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
                match self { $(Self::$variant(payload) => serde_json::to_vec(payload),)* }
            }

            /// The JSON Schema of a command's payload; `None` for an unknown command.
            pub fn schema(aggregate: &str, verb: &str) -> Option<Schema> {
                match (aggregate, verb) {
                    $(($aggregate, $verb) => Some(schema_for!($payload)),)*
                    _ => None,
                }
            }

            /// Reads a payload strictly; every field that is wrong is named.
            pub fn decode(aggregate: &str, verb: &str, payload: &[u8]) -> Result<Self, Vec<Reason>> {
                match (aggregate, verb) {
                    $(($aggregate, $verb) => validation::decode(aggregate, verb, payload).map(Self::$variant),)*
                    _ => Err(vec![validation::unknown_command(aggregate, verb)]),
                }
            }
        }
    };
}

commands! {
    /// Start a training run.
    StartRun(Box<StartRun>) = "run"."start";
    /// Stop computing, keep a checkpoint.
    PauseRun(PauseRun) = "run"."pause";
    /// Go on from the last checkpoint.
    ResumeRun(ResumeRun) = "run"."resume";
    /// End a run early, with a last checkpoint unless forced.
    StopRun(StopRun) = "run"."stop";
    /// Hide a run; its history remains.
    DeleteRun(DeleteRun) = "run"."delete";
    /// Evaluate a checkpoint.
    StartEvaluation(StartEvaluation) = "evaluation"."start";
    /// Make a stored file known as a model.
    RegisterModel(RegisterModel) = "archive"."register_model";
    /// Hide a registered model.
    DeleteModel(DeleteModel) = "archive"."delete_model";
}

impl Command {
    /// `ce-type` of this command.
    pub fn kind(&self) -> String {
        format!("patrol.{}.{}.v1", self.aggregate(), self.verb())
    }

    /// The run that the command names.
    pub fn run_id(&self) -> Option<RunId> {
        match self {
            Self::StartRun(command) => command.run_id,
            Self::PauseRun(command) => Some(command.run_id),
            Self::ResumeRun(command) => Some(command.run_id),
            Self::StopRun(command) => Some(command.run_id),
            Self::DeleteRun(command) => Some(command.run_id),
            Self::StartEvaluation(command) => Some(command.run_id),
            Self::RegisterModel(_) | Self::DeleteModel(_) => None,
        }
    }
}

/// `patrol.cmd.run.start`. Only `total_timesteps` is required. A field that is absent takes the value that was
/// measured to work best for the world in question; `docs/learning.md` lists them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    /// Chosen by the client, or derived from the command's id.
    pub run_id: Option<RunId>,
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    pub algorithm: Option<Algorithm>,
    pub environment_type: Option<EnvironmentType>,
    /// Environment steps to train for.
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    pub total_timesteps: u64,
    #[schemars(range(min = 3, max = 50))]
    pub env_width: Option<u32>,
    #[schemars(range(min = 3, max = 50))]
    pub env_height: Option<u32>,
    #[schemars(range(min = 1, max = 10))]
    pub num_robots: Option<u32>,
    #[schemars(range(min = 0.0, max = 10.0))]
    pub coverage_weight: Option<f64>,
    #[schemars(range(min = 0.0, max = 10.0))]
    pub exploration_weight: Option<f64>,
    #[schemars(range(min = 0.0, max = 10.0))]
    pub diversity_weight: Option<f64>,
    #[schemars(range(min = 1e-8, max = 1.0))]
    pub learning_rate: Option<f64>,
    #[schemars(range(min = 1, max = 65_536))]
    pub batch_size: Option<u32>,
    #[schemars(range(min = 1, max = 16))]
    pub num_workers: Option<u32>,
    #[schemars(range(min = 1, max = 512))]
    pub num_envs: Option<u32>,
    /// The network. Absent means `MlpPolicy` or, with `init_from`, that of the checkpoint that the run starts from; another one
    /// is refused there.
    pub policy_type: Option<PolicyType>,
    pub config: Option<RunOptions>,
    /// The run that this one was forked from.
    pub parent_run_id: Option<RunId>,
    /// Weights to start from: `universal`, a checkpoint id or an uploaded file id.
    #[schemars(length(min = 1, max = 64))]
    pub init_from: Option<String>,
    /// A checkpoint whose complete state the run goes on from: weights, optimiser, worlds and counters, which it shares with
    /// the run that made it. World, seed and number of environments stay; other settings may change.
    pub resume_from: Option<CheckpointId>,
}

/// The open-ended part of `patrol.cmd.run.start`; an unknown key is an error that names it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunOptions {
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    pub seed: Option<u64>,
    /// Train in the world of the command or in worlds of all kinds; absent means `fixed`.
    pub worlds: Option<Worlds>,
    pub map_config: Option<MapSettings>,
    #[schemars(range(min = 1, max = 100_000))]
    pub max_steps: Option<u32>,
    pub strategic_init_mode: Option<bool>,
    #[schemars(range(min = 0.0, max = 10.0))]
    pub battery_drain_rate: Option<f64>,
    #[schemars(range(min = 0.0, max = 100.0))]
    pub threat_penalty_weight: Option<f64>,
    /// Times the reward for the removal of an object; absent means 1.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub object_weight: Option<f64>,
    pub patrol_reward: Option<PatrolReward>,
    pub patrol_mode: Option<PatrolMode>,
    pub patrol_radius: Option<PatrolRadius>,
    pub backend: Option<Backend>,
    /// Where the actors of A3C are; absent means `in_turns`.
    pub actors: Option<Actors>,
    #[schemars(range(min = 1, max = 4096))]
    pub rollout_length: Option<u32>,
    /// Passes over each rollout; absent means 4, with A3C 1.
    #[schemars(range(min = 1, max = 50))]
    pub epochs: Option<u32>,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gamma: Option<f64>,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gae_lambda: Option<f64>,
    #[schemars(range(min = 0.01, max = 1.0))]
    pub clip_range: Option<f64>,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub entropy_coefficient: Option<f64>,
    #[schemars(range(min = 0.0, max = 10.0))]
    pub value_coefficient: Option<f64>,
    #[schemars(range(min = 0.01, max = 100.0))]
    pub max_grad_norm: Option<f64>,
    #[schemars(range(min = 0.0001, max = 1.0))]
    pub target_kl: Option<f64>,
    #[schemars(range(min = 1e-6, max = 1.0))]
    pub reward_scale: Option<f64>,
    #[schemars(range(min = 0.0, max = 100.0))]
    pub threat_shaping: Option<f64>,
    /// Extra reward for the robot that removes an object, for the learner only; absent means what was measured to be best,
    /// times `object_weight`. Where worlds are drawn it is over √robots, and 0 where robots have to charge or are too few.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub object_shaping: Option<f64>,
    /// How much the first policy trusts the tour's next action, in nats; 0 hides the tour from the policy.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub tour_prior: Option<f64>,
    /// Added to the normalised advantage of what the tour would do, in its deviations.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tour_anchor: Option<f64>,
    /// Extra reward for cells without threat, of one size in worlds of any size; for the learner only.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub calm_shaping: Option<f64>,
    #[schemars(range(min = 1, max = 16))]
    pub gradient_shards: Option<u32>,
    #[schemars(range(min = 1, max = 1_000_000))]
    pub checkpoint_every_updates: Option<u32>,
    /// Learning rate at the end, as a share of that at the start.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub final_learning_rate_fraction: Option<f64>,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub final_entropy_coefficient: Option<f64>,
    /// Clip the value loss, too.
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub clip_range_value: Option<f64>,
    /// Divide rewards by the running deviation of the discounted return; only where actors take turns with the learner.
    pub normalize_returns: Option<bool>,
    /// Units of each of the two hidden layers, a multiple of 8. Absent means 64 or, with `init_from` or `resume_from`, as many
    /// as the policy has that the run starts from; another number is refused there.
    #[schemars(range(min = 8, max = 512), extend("multipleOf" = 8))]
    pub hidden_size: Option<u32>,
    /// ε of Adam; absent means 1e-5.
    #[schemars(range(min = 1e-10, max = 1.0))]
    pub adam_epsilon: Option<f64>,
    pub recording: Option<RecordingLevel>,
    /// With `recording: sampled`, record every Nth episode.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub recording_sample_every: Option<u32>,
    #[schemars(range(max = 1_099_511_627_776_u64))]
    pub recording_budget_bytes: Option<u64>,
    #[schemars(range(min = 2, max = 1000))]
    pub evaluation_episodes: Option<u32>,
    /// End the run after so many evaluations in a row without a lower mean threat; absent means never.
    #[schemars(range(min = 1, max = 10_000))]
    pub early_stopping_patience: Option<u32>,
    /// By how much mean threat has to be lower to count; needs `early_stopping_patience`, 0 unless given.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub early_stopping_min_delta: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRun {
    pub run_id: RunId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeRun {
    pub run_id: RunId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopRun {
    pub run_id: RunId,
    /// Do not wait for a last checkpoint.
    #[serde(default)]
    pub force: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteRun {
    pub run_id: RunId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartEvaluation {
    pub run_id: RunId,
    /// Chosen by the client, or derived from the command's id.
    #[serde(default)]
    pub evaluation_id: Option<EvaluationId>,
    /// A checkpoint of the run, or an uploaded model to be evaluated in the run's world; absent means the run's newest
    /// checkpoint.
    #[serde(default)]
    pub checkpoint_id: Option<CheckpointId>,
    /// Held-out episodes; absent means the run's setting.
    #[serde(default)]
    #[schemars(range(min = 2, max = 1000))]
    pub episodes: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterModel {
    pub file_id: FileId,
    /// The name the client gave it; shown, never used as a path.
    #[schemars(length(min = 1, max = 255))]
    pub original_filename: String,
    pub blob: BlobRef,
    #[serde(default)]
    pub run_id: Option<RunId>,
    #[serde(default)]
    #[schemars(length(max = 4000))]
    pub description: Option<String>,
    /// Free-form JSON object of the client, at most 16 KiB.
    #[serde(default)]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteModel {
    pub file_id: FileId,
}
