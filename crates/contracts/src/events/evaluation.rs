//! Evaluations of checkpoints and scripted agents on held-out seeds.

use crate::ids::{CheckpointId, EvaluationId, RunId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluationRequested {
    pub run_id: RunId,
    pub evaluation_id: EvaluationId,
    /// A checkpoint of the run or an uploaded model; absent means the newest checkpoint.
    pub checkpoint_id: Option<CheckpointId>,
    pub episodes: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluationCompleted {
    pub run_id: RunId,
    pub evaluation_id: EvaluationId,
    /// The checkpoint or the uploaded model whose policy played.
    pub checkpoint_id: CheckpointId,
    /// Environment steps after which the checkpoint was made; 0 for an uploaded model.
    pub timestep: u64,
    pub protocol: Protocol,
    /// The policy with actions drawn from its distribution.
    pub sampled: AgentScore,
    /// The policy with its most probable action.
    pub argmax: AgentScore,
    /// The run's last checkpoint was evaluated.
    pub is_last: bool,
    pub duration_seconds: f64,
}

impl EvaluationCompleted {
    /// What policies are ranked by, lower is better: mean threat with actions drawn from the policy, which is how it
    /// learned to act.
    pub fn merit(&self) -> f64 {
        self.sampled.mean_threat.mean
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluationFailed {
    pub run_id: RunId,
    pub evaluation_id: EvaluationId,
    pub checkpoint_id: Option<CheckpointId>,
    pub code: String,
    pub message: String,
}

/// The scripted agents in the world of a run; computed once per world configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselinesCompleted {
    pub run_id: RunId,
    pub protocol: Protocol,
    pub agents: Vec<AgentScore>,
}

/// What was held equal for all agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Protocol {
    /// SHA-256 of the world configuration, the rules version and the protocol: equal means comparable.
    pub world_hash: String,
    pub rules_version: u32,
    pub episodes: u32,
    pub first_seed: u64,
}

/// An estimate with its 95 % stratified bootstrap interval (Agarwal et al. 2021).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    pub mean: f64,
    /// Interquartile mean.
    pub iqm: f64,
    /// Of the mean.
    pub low: f64,
    pub high: f64,
    /// Of the interquartile mean; absent from evaluations of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iqm_bounds: Option<Bounds>,
}

/// A 95 % stratified bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bounds {
    pub low: f64,
    pub high: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentScore {
    /// `policy` or the name of a scripted agent.
    pub agent: String,
    pub episodes: u32,
    /// Time-averaged threat, 0..1: the figure of merit, lower is better.
    pub mean_threat: Interval,
    pub final_threat: f64,
    pub coverage: f64,
    pub average_idleness: f64,
    pub worst_idleness: f64,
    /// Mean over the episodes in which every cell was cleared: says nothing without `full_coverage_share`.
    pub steps_to_full_coverage: Option<f64>,
    /// Share of the episodes in which every cell was cleared, 0..1; absent from evaluations of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_coverage_share: Option<f64>,
    /// Mean over the episodes with objects of their median age at removal; those never removed count with their age at the
    /// end.
    pub response_p50: Option<f64>,
    /// The same of the 95th percentile.
    pub response_p95: Option<f64>,
    /// Blocked moves per robot and step.
    pub interference_rate: f64,
    pub mean_return: f64,
    /// Robots whose battery ran empty, per episode.
    pub battery_deaths: f64,
    /// (agent − tour) / (random walk − tour); absent when those are equal.
    pub optimality_gap: Option<f64>,
    pub probability_better_than_tour: f64,
    /// Absent from evaluations of older versions, as the other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability_better_than_tour_bounds: Option<Bounds>,
    pub probability_better_than_greedy: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability_better_than_greedy_bounds: Option<Bounds>,
    /// Time-averaged threat of every episode, in the protocol's order: what comparisons are computed from.
    pub episode_mean_threats: Vec<f64>,
}
