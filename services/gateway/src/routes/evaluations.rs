//! Evaluations of a session's policies on held-out seeds, beside the scripted agents in the same worlds.

use crate::api::Api;
use crate::app::App;
use crate::error::Result;
use crate::extract::{PageQuery, Path, Query, RunKey};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use contracts::events::AgentScore;
use read_models::{BaselineRow, EvaluationRow};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

const DEFAULT_SIZE: u32 = 50;
const LARGEST: u32 = 500;

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/training/{id}/evaluations", list, |it| {
        it.says("training", "Evaluations of a session, newest first, and the scripted agents to compare with")
            .explains(
                "Scores carry 95 % intervals and the optimality gap; equal `world_hash` means comparable numbers.",
            )
            .query::<PageQuery>()
            .gives::<EvaluationPage>(200, "A page of evaluations")
            .fails(&[404, 422])
    })
}

#[derive(Serialize, JsonSchema)]
struct EvaluationPage {
    total: u64,
    page: u32,
    page_size: u32,
    evaluations: Vec<Evaluation>,
    /// Scripted agents in the worlds of these evaluations, best first.
    baselines: Vec<Baseline>,
}

/// A policy on held-out seeds, once sampling its actions and once taking the most likely ones.
#[derive(Serialize, JsonSchema)]
struct Evaluation {
    evaluation_id: Uuid,
    checkpoint_id: Option<Uuid>,
    /// `requested`, `completed` or `failed`.
    status: String,
    timestep: Option<i64>,
    episodes: Option<i32>,
    world_hash: Option<String>,
    sampled: Option<AgentScore>,
    argmax: Option<AgentScore>,
    is_last: bool,
    duration_seconds: Option<f64>,
    error_message: Option<String>,
    requested_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
}

/// A scripted agent in the same world and episodes.
#[derive(Serialize, JsonSchema)]
struct Baseline {
    agent: String,
    world_hash: String,
    score: AgentScore,
}

impl From<EvaluationRow> for Evaluation {
    fn from(row: EvaluationRow) -> Self {
        Self {
            evaluation_id: row.evaluation_id,
            checkpoint_id: row.checkpoint_id,
            status: row.status,
            timestep: row.timestep,
            episodes: row.episodes,
            world_hash: row.world_hash,
            sampled: row.sampled.map(|score| score.0),
            argmax: row.argmax.map(|score| score.0),
            is_last: row.is_last,
            duration_seconds: row.duration_seconds,
            error_message: row.failure_message,
            requested_at: row.requested_at,
            completed_at: row.completed_at,
        }
    }
}

impl From<BaselineRow> for Baseline {
    fn from(row: BaselineRow) -> Self {
        Self { agent: row.agent, world_hash: row.world_hash, score: row.score.0 }
    }
}

async fn list(
    State(app): State<App>,
    Path(key): Path<RunKey>,
    Query(query): Query<PageQuery>,
) -> Result<Json<EvaluationPage>> {
    let paging = query.paging(DEFAULT_SIZE, LARGEST)?;
    let run = app.run(key).await?;
    let found = app.models.evaluations(run.run_id.into(), paging).await?;
    let baselines = app.models.baselines_of_run(run.run_id.into()).await?;
    Ok(Json(EvaluationPage {
        total: found.total,
        page: paging.page(),
        page_size: paging.page_size(),
        evaluations: found.items.into_iter().map(Evaluation::from).collect(),
        baselines: baselines.into_iter().map(Baseline::from).collect(),
    }))
}
