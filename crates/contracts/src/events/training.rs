//! What happens while a run is trained.

use super::archive::BlobRef;
use crate::ids::{CheckpointId, RunId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// About once a second and at least at every checkpoint; aggregates all updates since the last one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainingProgressed {
    pub run_id: RunId,
    /// Updates done, counted from the beginning of the run.
    pub update: u64,
    /// Environment steps done, never more than `total_timesteps`.
    pub timestep: u64,
    /// Steps of single robots done.
    pub robot_steps: u64,
    pub episodes_completed: u64,
    /// Seconds of computing since the trainer took the run.
    pub elapsed_seconds: f64,
    /// Environment steps per second since the last report.
    pub steps_per_second: f64,
    /// Robot steps per second since the last report.
    pub robot_steps_per_second: f64,
    /// Mean return of the episodes that ended since the last report; absent when none did.
    pub mean_return: Option<f64>,
    /// Mean length of the same episodes, steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_episode_length: Option<f64>,
    /// Mean reward per environment step since the last report.
    pub mean_reward: f64,
    /// Time-averaged threat of the episodes that ended since the last report, else of the current ones, 0..1.
    pub mean_threat: f64,
    /// Share of free cells visited, 0..1, of the same episodes.
    pub coverage: f64,
    /// Steps since last cleared, worst cell, of the same episodes.
    pub worst_idleness: f64,
    /// Distinct share of recent positions, 0..1.
    pub exploration_score: f64,
    pub best_mean_threat: Option<f64>,
    pub diagnostics: Diagnostics,
}

/// Of the last update; see "The 37 implementation details of proximal policy optimization" (Huang et al. 2022).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnostics {
    pub loss: f64,
    pub policy_loss: f64,
    pub value_loss: f64,
    pub entropy: f64,
    pub approx_kl: f64,
    pub clip_fraction: f64,
    pub explained_variance: f64,
    pub gradient_norm: f64,
    pub learning_rate: f64,
    pub entropy_coefficient: f64,
    /// Epochs done before the KL limit.
    pub epochs: u32,
    /// Seconds of the last update in each part.
    pub environment_seconds: f64,
    pub observation_seconds: f64,
    pub forward_seconds: f64,
    pub backward_seconds: f64,
    pub optimizer_seconds: f64,
    /// Mean of −ln r, the plain estimate of the divergence that `approx_kl` estimates with less variance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_approx_kl: Option<f64>,
    /// Elapsed seconds of the last update, and of its rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout_seconds: Option<f64>,
    /// Of the rollout, in scaled reward; absent where actors play while the learner learns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatistics>,
}

/// What a rollout was estimated to be worth: mean and standard deviation over its samples, before advantages are normalised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutStatistics {
    pub value_mean: f64,
    pub value_std: f64,
    pub return_mean: f64,
    pub return_std: f64,
    pub advantage_mean: f64,
    pub advantage_std: f64,
}

/// A training episode ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EpisodeCompleted {
    pub run_id: RunId,
    /// Environment steps done by the run when it ended.
    pub timestep: u64,
    pub episode: EpisodeSummary,
}

/// One episode in numbers; the same as a row of the archive's `episodes` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EpisodeSummary {
    /// Unique within run and split: episode of its environment × number of environments + environment index.
    pub episode_index: u64,
    pub env_index: u32,
    pub length: u32,
    /// Ended by battery death.
    pub terminated: bool,
    /// Ended by the time limit.
    pub truncated: bool,
    /// Sum of the team's rewards.
    #[serde(rename = "return")]
    #[schemars(rename = "return")]
    pub episode_return: f64,
    pub mean_threat: f64,
    pub final_threat: f64,
    pub average_idleness: f64,
    pub worst_idleness: f64,
    pub coverage: f64,
    pub steps_to_full_coverage: Option<u32>,
    pub interferences: u32,
    pub objects_spawned: u32,
    pub objects_removed: u32,
    /// Median age of the objects at their removal; those never removed count with their age at the end.
    pub response_p50: Option<f64>,
    /// 95th percentile of the same.
    pub response_p95: Option<f64>,
}

/// Weights and complete resume state were stored; training can go on from here bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointCreated {
    pub run_id: RunId,
    pub checkpoint_id: CheckpointId,
    pub update: u64,
    pub timestep: u64,
    pub episodes_completed: u64,
    /// Weights as safetensors.
    pub policy: BlobRef,
    /// Optimiser moments, random-number positions, environment states and counters.
    pub resume: BlobRef,
    /// SHA-256 over policy and resume state.
    pub digest: String,
    /// Trajectory segments sent so far: a resumed run sends the next one.
    pub next_segment: u64,
    /// Training estimate, 0..1.
    pub mean_threat: Option<f64>,
    /// The run's last one: always evaluated.
    pub is_last: bool,
}

/// What one update of a run with asynchronous actors learned from, in this order. With the run's configuration it is all
/// that a replay needs: a segment is a function of its lane's earlier segments and the policy that acted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentsConsumed {
    pub run_id: RunId,
    /// Counted from 1 at the beginning of the run.
    pub update: u64,
    pub segments: Vec<ConsumedSegment>,
}

/// One rollout of the environments of one lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsumedSegment {
    /// Which environments.
    pub lane: u32,
    /// Counted from 0 in its lane.
    pub segment: u64,
    /// Segments that the policy which acted had learned from.
    pub policy_version: u64,
    /// Who played it.
    pub actor: String,
    /// Of actions, estimates, rewards and the worlds afterwards: 16 hexadecimal digits.
    pub digest: String,
}
