//! Training episodes of a session in numbers.

use crate::api::Api;
use crate::app::App;
use crate::error::Result;
use crate::extract::{PageQuery, Path, Query, RunKey};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use read_models::{EpisodeRow, Order};
use schemars::JsonSchema;
use serde::Serialize;

const DEFAULT_SIZE: u32 = 50;
const LARGEST: u32 = 500;

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/training/{id}/episodes", list, |it| {
        it.says("training", "Training episodes of a session, newest first")
            .query::<PageQuery>()
            .gives::<EpisodePage>(200, "A page of episodes")
            .fails(&[404, 422])
    })
}

#[derive(Serialize, JsonSchema)]
struct EpisodePage {
    total: u64,
    page: u32,
    page_size: u32,
    /// `after` of the next page, when there is one.
    next: Option<i64>,
    episodes: Vec<Episode>,
}

/// An episode in numbers: threats and coverage are shares, idleness and response times are steps.
#[derive(Serialize, JsonSchema)]
struct Episode {
    episode: i64,
    /// Environment steps done by the session when it ended.
    timestep: i64,
    length: i32,
    terminated: bool,
    truncated: bool,
    total_reward: f64,
    mean_threat: f64,
    final_threat: f64,
    average_idleness: f64,
    worst_idleness: f64,
    coverage_ratio: f64,
    steps_to_full_coverage: Option<i32>,
    interferences: i32,
    objects_spawned: i32,
    objects_removed: i32,
    response_p50: Option<f64>,
    response_p95: Option<f64>,
    completed_at: DateTime<Utc>,
}

impl From<EpisodeRow> for Episode {
    fn from(row: EpisodeRow) -> Self {
        Self {
            episode: row.episode_index,
            timestep: row.timestep,
            length: row.length,
            terminated: row.terminated,
            truncated: row.truncated,
            total_reward: row.episode_return,
            mean_threat: row.mean_threat,
            final_threat: row.final_threat,
            average_idleness: row.average_idleness,
            worst_idleness: row.worst_idleness,
            coverage_ratio: row.coverage,
            steps_to_full_coverage: row.steps_to_full_coverage,
            interferences: row.interferences,
            objects_spawned: row.objects_spawned,
            objects_removed: row.objects_removed,
            response_p50: row.response_p50,
            response_p95: row.response_p95,
            completed_at: row.completed_at,
        }
    }
}

async fn list(
    State(app): State<App>,
    Path(key): Path<RunKey>,
    Query(query): Query<PageQuery>,
) -> Result<Json<EpisodePage>> {
    let paging = query.paging(DEFAULT_SIZE, LARGEST)?;
    let run = app.run(key).await?;
    let found = app.models.episodes(run.run_id.into(), Order::NewestFirst, paging).await?;
    let episodes = found.items.into_iter().map(Episode::from).collect();
    Ok(Json(EpisodePage {
        total: found.total,
        page: paging.page(),
        page_size: paging.page_size(),
        next: found.next,
        episodes,
    }))
}
