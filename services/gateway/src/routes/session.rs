//! A training session as clients see it.

use chrono::{DateTime, Utc};
use contracts::commands::RunOptions;
use contracts::config::{Algorithm, EnvironmentType, PolicyType};
use read_models::RunRow;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// A training session: a run with its complete configuration and how it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Session {
    id: i64,
    run_id: Uuid,
    name: String,
    algorithm: Algorithm,
    environment_type: EnvironmentType,
    total_timesteps: i64,
    env_width: i32,
    env_height: i32,
    num_robots: i32,
    coverage_weight: f64,
    exploration_weight: f64,
    diversity_weight: f64,
    learning_rate: f64,
    batch_size: u32,
    num_workers: u32,
    num_envs: u32,
    policy_type: PolicyType,
    /// Every other setting, defaults filled in.
    config: Option<RunOptions>,
    status: SessionStatus,
    /// `pause` or `stop` while the trainer has not answered yet.
    pending_action: Option<String>,
    /// Environment steps done.
    current_timestep: i64,
    episodes_completed: i64,
    /// Share of the work done, 0..1.
    progress: f64,
    /// Environment steps per second.
    steps_per_second: Option<f64>,
    eta_seconds: Option<f64>,
    mean_threat: Option<f64>,
    best_mean_threat: Option<f64>,
    coverage_ratio: Option<f64>,
    loss: Option<f64>,
    /// Opaque: the newest checkpoint's key; download it under `/files`.
    model_path: Option<String>,
    log_path: Option<String>,
    /// Digest of the newest checkpoint.
    digest: Option<String>,
    /// Of the evaluated checkpoints the one with the lowest mean threat of sampled actions on held-out seeds.
    best_checkpoint_id: Option<Uuid>,
    best_checkpoint_mean_threat: Option<f64>,
    /// How it was completed: `finished`, `stopped` or `early_stopped`.
    outcome: Option<String>,
    parent_run_id: Option<Uuid>,
    error_message: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    Created,
    Queued,
    Running,
    Paused,
    Completed,
    Failed,
}

impl SessionStatus {
    /// The read model's own word.
    pub fn token(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    pub fn of(run: &RunRow) -> Self {
        match run.status.as_str() {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            _ => Self::Created,
        }
    }
}

impl Session {
    pub fn of(run: RunRow) -> Self {
        let config = run.config.0.clone();
        let (world, learning) = (&config.world, &config.learning);
        Self {
            id: run.id,
            run_id: run.run_id,
            algorithm: learning.algorithm,
            environment_type: world.environment_type,
            total_timesteps: run.total_timesteps,
            env_width: run.width,
            env_height: run.height,
            num_robots: run.num_robots,
            coverage_weight: world.coverage_weight,
            exploration_weight: world.exploration_weight,
            diversity_weight: world.diversity_weight,
            learning_rate: learning.learning_rate,
            batch_size: learning.batch_size,
            num_workers: learning.num_workers,
            num_envs: learning.num_envs,
            policy_type: learning.policy_type,
            config: Some(RunOptions::from(&config)),
            status: SessionStatus::of(&run),
            progress: run.progress(),
            eta_seconds: run.eta_seconds(),
            // The last update may overshoot.
            current_timestep: run.timestep.min(run.total_timesteps),
            episodes_completed: run.episodes_completed,
            steps_per_second: run.steps_per_second,
            mean_threat: run.mean_threat,
            best_mean_threat: run.best_mean_threat,
            coverage_ratio: run.coverage,
            loss: run.loss,
            log_path: None,
            parent_run_id: run.parent_run_id,
            created_at: run.created_at,
            updated_at: run.updated_at,
            started_at: run.started_at,
            completed_at: run.completed_at,
            name: run.name,
            pending_action: run.pending_action,
            model_path: run.model_uri,
            digest: run.digest,
            best_checkpoint_id: run.best_checkpoint_id,
            best_checkpoint_mean_threat: run.best_checkpoint_mean_threat,
            outcome: run.outcome,
            error_message: run.failure_message,
        }
    }
}
