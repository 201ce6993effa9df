//! Checkpoints of a session.

use crate::api::Api;
use crate::app::App;
use crate::error::Result;
use crate::extract::{PageQuery, Path, Query, RunKey};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use read_models::CheckpointRow;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

const DEFAULT_SIZE: u32 = 50;
const LARGEST: u32 = 500;

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/training/{id}/checkpoints", list, |it| {
        it.says("training", "Checkpoints of a session, newest first")
            .explains("Each is a file, too: `file_id` is its number under `/api/v1/files`.")
            .query::<PageQuery>()
            .gives::<CheckpointPage>(200, "A page of checkpoints")
            .fails(&[404, 422])
    })
}

#[derive(Serialize, JsonSchema)]
struct CheckpointPage {
    total: u64,
    page: u32,
    page_size: u32,
    /// `after` of the next page, when there is one.
    next: Option<i64>,
    checkpoints: Vec<Checkpoint>,
}

/// The weights and the complete state of the learner after an update.
#[derive(Serialize, JsonSchema)]
struct Checkpoint {
    checkpoint_id: Uuid,
    file_id: i64,
    updates: i64,
    /// Environment steps done.
    timestep: i64,
    episodes_completed: i64,
    /// SHA-256 over policy and resume state: equal digests are equal bits.
    digest: String,
    policy_sha256: String,
    policy_bytes: i64,
    resume_bytes: i64,
    mean_threat: Option<f64>,
    is_last: bool,
    /// The best one on held-out seeds so far, of those that were evaluated.
    is_best: bool,
    created_at: DateTime<Utc>,
}

impl Checkpoint {
    fn of(row: CheckpointRow, best: Option<Uuid>) -> Self {
        Self {
            is_best: best == Some(row.checkpoint_id),
            checkpoint_id: row.checkpoint_id,
            file_id: row.id,
            updates: row.updates,
            timestep: row.timestep,
            episodes_completed: row.episodes_completed,
            digest: row.digest,
            policy_sha256: row.policy_sha256,
            policy_bytes: row.policy_bytes,
            resume_bytes: row.resume_bytes,
            mean_threat: row.mean_threat,
            is_last: row.is_last,
            created_at: row.created_at,
        }
    }
}

async fn list(
    State(app): State<App>,
    Path(key): Path<RunKey>,
    Query(query): Query<PageQuery>,
) -> Result<Json<CheckpointPage>> {
    let paging = query.paging(DEFAULT_SIZE, LARGEST)?;
    let run = app.run(key).await?;
    let found = app.models.checkpoints(run.run_id.into(), paging).await?;
    let checkpoints = found.items.into_iter().map(|row| Checkpoint::of(row, run.best_checkpoint_id)).collect();
    Ok(Json(CheckpointPage {
        total: found.total,
        page: paging.page(),
        page_size: paging.page_size(),
        next: found.next,
        checkpoints,
    }))
}
