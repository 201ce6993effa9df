//! How a run's training stood over time.

use crate::api::Api;
use crate::app::App;
use crate::error::Result;
use crate::extract::{PageQuery, Path, Query, RunKey};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use contracts::events::{RolloutStatistics, TrainingProgressed};
use read_models::{Order, RunMetricRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DEFAULT_SIZE: u32 = 50;
const LARGEST: u32 = 500;

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/training/sessions/{id}/metrics", list, |it| {
        it.says("training", "Progress reports of a session, newest first")
            .explains("Pages have 50 items unless `page_size` says otherwise, at most 500.")
            .query::<MetricsQuery>()
            .gives::<MetricPage>(200, "A page of progress reports")
            .fails(&[404, 422])
    })
}

#[derive(Deserialize, JsonSchema)]
struct MetricsQuery {
    /// Counted from 1.
    #[schemars(range(min = 1))]
    page: Option<u32>,
    /// Items per page; larger values are brought down to 500.
    #[schemars(range(min = 1))]
    page_size: Option<u32>,
    /// Begin behind the item with this key, the `next` of the page before; pages are counted from there.
    after: Option<u64>,
    order: Option<Direction>,
    /// Leaves out reports with this id and below: what is new since the last request.
    since: Option<u64>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    Asc,
    Desc,
}

#[derive(Serialize, JsonSchema)]
struct MetricPage {
    total: u64,
    page: u32,
    page_size: u32,
    /// `after` of the next page, when there is one.
    next: Option<i64>,
    metrics: Vec<Metric>,
}

/// A progress report.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Metric {
    /// Its sequence in the log.
    id: i64,
    /// The session's number.
    job_id: i64,
    /// Environment steps done.
    timestep: i64,
    /// Episodes completed.
    episode: Option<i64>,
    /// Mean reward per step.
    reward: f64,
    loss: Option<f64>,
    /// Share of cells cleared per episode, 0..1.
    coverage_ratio: Option<f64>,
    /// 0..1.
    exploration_score: Option<f64>,
    /// Mean threat, 0..1.
    threat_level_avg: Option<f64>,
    additional_metrics: Option<AdditionalMetrics>,
    timestamp: DateTime<Utc>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Diagnostics of the learner, named as in the literature.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AdditionalMetrics {
    policy_loss: f64,
    value_loss: f64,
    entropy: f64,
    approx_kl: f64,
    /// The plain estimate of the same divergence; absent in older reports.
    old_approx_kl: Option<f64>,
    clip_fraction: f64,
    explained_variance: f64,
    gradient_norm: f64,
    learning_rate: f64,
    entropy_coefficient: f64,
    /// Passes over the rollout before the limit of the KL divergence.
    epochs: u32,
    /// Of the last rollout; absent where actors play while the learner learns.
    rollout: Option<RolloutStatistics>,
    /// Environment steps per second.
    steps_per_second: f64,
    robot_steps_per_second: f64,
    updates: i64,
    mean_return: Option<f64>,
    best_mean_threat: Option<f64>,
    worst_idleness: f64,
    elapsed_seconds: f64,
}

impl Metric {
    /// The same from the event itself, before the read models have it.
    pub fn of_event(job_id: i64, sequence: u64, time: DateTime<Utc>, event: &TrainingProgressed) -> Self {
        // What fits the log fits the tables.
        let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Self::of(
            job_id,
            RunMetricRow {
                id: whole(sequence),
                run_id: event.run_id.0,
                updates: whole(event.update),
                timestep: whole(event.timestep),
                robot_steps: whole(event.robot_steps),
                episodes_completed: whole(event.episodes_completed),
                elapsed_seconds: event.elapsed_seconds,
                steps_per_second: event.steps_per_second,
                robot_steps_per_second: event.robot_steps_per_second,
                mean_return: event.mean_return,
                mean_reward: event.mean_reward,
                mean_threat: event.mean_threat,
                coverage: event.coverage,
                worst_idleness: event.worst_idleness,
                exploration_score: event.exploration_score,
                best_mean_threat: event.best_mean_threat,
                loss: event.diagnostics.loss,
                diagnostics: event.diagnostics.clone().into(),
                recorded_at: time,
            },
        )
    }

    pub fn of(job_id: i64, row: RunMetricRow) -> Self {
        let diagnostics = &row.diagnostics.0;
        Self {
            id: row.id,
            job_id,
            timestep: row.timestep,
            episode: Some(row.episodes_completed),
            reward: row.mean_reward,
            loss: Some(row.loss),
            coverage_ratio: Some(row.coverage),
            exploration_score: Some(row.exploration_score),
            threat_level_avg: Some(row.mean_threat),
            additional_metrics: Some(AdditionalMetrics {
                policy_loss: diagnostics.policy_loss,
                value_loss: diagnostics.value_loss,
                entropy: diagnostics.entropy,
                approx_kl: diagnostics.approx_kl,
                old_approx_kl: diagnostics.old_approx_kl,
                clip_fraction: diagnostics.clip_fraction,
                explained_variance: diagnostics.explained_variance,
                gradient_norm: diagnostics.gradient_norm,
                learning_rate: diagnostics.learning_rate,
                entropy_coefficient: diagnostics.entropy_coefficient,
                epochs: diagnostics.epochs,
                rollout: diagnostics.rollout,
                steps_per_second: row.steps_per_second,
                robot_steps_per_second: row.robot_steps_per_second,
                updates: row.updates,
                mean_return: row.mean_return,
                best_mean_threat: row.best_mean_threat,
                worst_idleness: row.worst_idleness,
                elapsed_seconds: row.elapsed_seconds,
            }),
            timestamp: row.recorded_at,
            created_at: row.recorded_at,
            updated_at: row.recorded_at,
        }
    }
}

async fn list(
    State(app): State<App>,
    Path(key): Path<RunKey>,
    Query(query): Query<MetricsQuery>,
) -> Result<Json<MetricPage>> {
    let paging =
        PageQuery { page: query.page, page_size: query.page_size, after: query.after }.paging(DEFAULT_SIZE, LARGEST)?;
    let order = match query.order {
        Some(Direction::Asc) => Order::OldestFirst,
        Some(Direction::Desc) | None => Order::NewestFirst,
    };
    // No id is larger.
    let since = query.since.map(|id| i64::try_from(id).unwrap_or(i64::MAX));
    let run = app.run(key).await?;
    let found = app.models.run_metrics(run.run_id.into(), order, since, paging).await?;
    let metrics = found.items.into_iter().map(|row| Metric::of(run.id, row)).collect();
    Ok(Json(MetricPage {
        total: found.total,
        page: paging.page(),
        page_size: paging.page_size(),
        next: found.next,
        metrics,
    }))
}
