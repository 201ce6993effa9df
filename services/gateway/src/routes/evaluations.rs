//! Evaluations of a session's policies on held-out seeds, beside the scripted agents in the same worlds.

use crate::api::Api;
use crate::app::App;
use crate::commanding::{self, Outcome};
use crate::error::{Error, Result};
use crate::extract::{self, Origin, PageQuery, Path, Query, RunKey};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::commands::StartEvaluation;
use contracts::events::AgentScore;
use contracts::{CheckpointId, Command, EvaluationId};
use read_models::{BaselineRow, EvaluationRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
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
    .post("/api/v1/training/{id}/evaluations", start, |it| {
        it.says("training", "Evaluate a checkpoint of a session, or an uploaded policy in its world")
            .explains("Its outcome appears in the list of evaluations, its episodes in playback with `split=eval`.")
            .commands()
            .takes::<EvaluationRequest>(json!({"episodes": 20}))
            .gives::<EvaluationAsked>(202, "It is asked for")
            .fails(&[404, 409, 413, 415, 422])
    })
}

/// What is to be evaluated.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EvaluationRequest {
    /// A checkpoint's id, or the `file_id` of an uploaded policy; absent means the newest checkpoint.
    checkpoint_id: Option<Uuid>,
    /// Held-out episodes; absent means the session's setting.
    #[schemars(range(min = 2, max = 1000))]
    episodes: Option<u32>,
}

/// An evaluation that was asked for.
#[derive(Serialize, JsonSchema)]
struct EvaluationAsked {
    evaluation_id: Uuid,
    session_id: i64,
    command_id: Uuid,
    message: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct EvaluationPage {
    total: u64,
    page: u32,
    page_size: u32,
    /// `after` of the next page, when there is one.
    next: Option<i64>,
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
        next: found.next,
        evaluations: found.items.into_iter().map(Evaluation::from).collect(),
        baselines: baselines.into_iter().map(Baseline::from).collect(),
    }))
}

async fn start(
    State(app): State<App>,
    origin: Origin,
    Path(key): Path<RunKey>,
    extract::Json(request): extract::Json<EvaluationRequest>,
) -> Result<Response> {
    if request.episodes.is_some_and(|episodes| !(2..=1000).contains(&episodes)) {
        return Err(Error::invalid(&["body", "episodes"], "must be 2 to 1000"));
    }
    let run = app.run(key).await?;
    let evaluation_id = EvaluationId(origin.command_id.derive("evaluation"));
    let command = Command::StartEvaluation(StartEvaluation {
        run_id: run.run_id.into(),
        evaluation_id: Some(evaluation_id),
        checkpoint_id: request.checkpoint_id.map(CheckpointId),
        episodes: request.episodes,
    });
    let message = match app.command(&origin, &command).await? {
        Outcome::Done(_) => "the evaluation is asked for",
        Outcome::Pending => "the command is stored; its outcome is not known yet",
    };
    let asked = EvaluationAsked {
        evaluation_id: evaluation_id.0,
        session_id: run.id,
        command_id: origin.command_id.0,
        message,
    };
    let location = commanding::location(&origin);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(asked)).into_response())
}
