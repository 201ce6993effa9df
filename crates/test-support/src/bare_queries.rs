//! The least that it takes to answer from Postgres: what measurements of a service compare with.

use anyhow::Result;
use serde::Serialize;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::types::{JsonValue, Uuid};

/// A pool and two statements, without anything around them.
#[derive(Clone, Debug)]
pub struct BareQueries(PgPool);

/// The columns of `runs` that a service would show.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub struct BareRun {
    id: i64,
    run_id: Uuid,
    name: String,
    algorithm: String,
    policy_type: String,
    environment_type: String,
    width: i32,
    height: i32,
    num_robots: i32,
    total_timesteps: i64,
    config: JsonValue,
    status: String,
    pending_action: Option<String>,
    timestep: i64,
    episodes_completed: i64,
    steps_per_second: Option<f64>,
    mean_threat: Option<f64>,
    best_mean_threat: Option<f64>,
    coverage: Option<f64>,
    loss: Option<f64>,
    model_uri: Option<String>,
    digest: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
}

impl BareQueries {
    pub async fn connect(url: &str, connections: u32) -> Result<Self> {
        Ok(Self(PgPoolOptions::new().max_connections(connections).connect(url).await?))
    }

    /// The newest runs.
    pub async fn newest(&self, count: i64) -> Result<Vec<BareRun>> {
        let runs = sqlx::query_as("SELECT * FROM runs WHERE deleted_at IS NULL ORDER BY id DESC LIMIT $1").bind(count);
        Ok(runs.fetch_all(&self.0).await?)
    }

    /// One run.
    pub async fn one(&self, id: i64) -> Result<Option<BareRun>> {
        let run = sqlx::query_as("SELECT * FROM runs WHERE id = $1 AND deleted_at IS NULL").bind(id);
        Ok(run.fetch_optional(&self.0).await?)
    }
}
