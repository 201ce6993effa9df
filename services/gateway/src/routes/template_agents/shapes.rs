//! What is asked of scripted agents, and what they answer.

use super::AgentType;
use crate::scripted::{Averages, EnvironmentInfo, EpisodePlayback};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, JsonSchema)]
pub struct AgentDefinition {
    #[serde(rename = "type")]
    pub kind: AgentType,
    pub name: &'static str,
    pub description: &'static str,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecuteRequest {
    pub agent_type: AgentType,
    #[schemars(range(min = 3, max = 100))]
    pub width: Option<u32>,
    #[schemars(range(min = 3, max = 100))]
    pub height: Option<u32>,
    #[schemars(range(min = 1, max = 100))]
    pub episodes: Option<u32>,
    #[schemars(range(min = 1, max = 10_000))]
    pub max_steps: Option<u32>,
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    pub seed: Option<u64>,
    /// Answer with the frames of the episodes, from the first one on, as many as have 16 million cells together. Of an
    /// episode that is too long for that every nth frame is kept; the `timestep` of each tells which.
    #[serde(default)]
    pub save_frames: bool,
    /// Comes back in the answer.
    #[schemars(length(min = 1, max = 128))]
    pub execution_id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareRequest {
    #[schemars(length(min = 1, max = 7))]
    pub agent_types: Vec<AgentType>,
    /// Taken because clients send the same settings to both; a comparison answers without frames.
    #[serde(default, rename = "save_frames")]
    pub _save_frames: bool,
    /// Comes back in the answer.
    #[schemars(length(min = 1, max = 128))]
    pub execution_id: Option<String>,
    #[schemars(range(min = 3, max = 100))]
    pub width: Option<u32>,
    #[schemars(range(min = 3, max = 100))]
    pub height: Option<u32>,
    #[schemars(range(min = 1, max = 100))]
    pub episodes: Option<u32>,
    #[schemars(range(min = 1, max = 10_000))]
    pub max_steps: Option<u32>,
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    pub seed: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

/// What came of an agent's episodes.
#[derive(Serialize, JsonSchema)]
pub struct ExecuteAnswer {
    pub agent_type: AgentType,
    pub agent_name: &'static str,
    pub execution_id: String,
    pub environment: Size,
    pub episodes: u32,
    #[serde(flatten)]
    pub averages: Averages,
    pub episode_metrics: Vec<EpisodeMetrics>,
    pub environment_info: EnvironmentInfo,
    pub episode_playbacks: Vec<EpisodePlayback>,
}

#[derive(Serialize, JsonSchema)]
pub struct EpisodeMetrics {
    /// From 1.
    pub episode: u32,
    pub total_reward: f64,
    pub episode_length: u32,
    pub coverage_ratio: f64,
    pub mean_threat: f64,
    pub patrol_count: u32,
    pub move_count: u32,
    pub turn_count: u32,
    pub min_battery: f64,
    pub battery_deaths: u32,
    pub charging_events: u32,
}

#[derive(Serialize, JsonSchema)]
pub struct CompareAnswer {
    pub execution_id: String,
    pub environment: Size,
    pub episodes: u32,
    pub max_steps: u32,
    pub results: Vec<ComparedAgent>,
    pub best_agent: &'static str,
    pub worst_agent: &'static str,
    /// Difference of the average rewards of the best and the worst.
    pub performance_gap: f64,
}

/// An agent and its place among those compared.
#[derive(Serialize, JsonSchema)]
pub struct ComparedAgent {
    pub agent_type: AgentType,
    pub agent_name: &'static str,
    pub rank: usize,
    #[serde(flatten)]
    pub averages: Averages,
}
