//! `run_metrics`: one row per progress report.

use super::run_counts::Counted;
use crate::batch::Fact;
use crate::insert::{Conflict, table_row};
use crate::postgres_text::bigint;
use chrono::{DateTime, Utc};
use contracts::Event;
use contracts::events::Diagnostics;
use sqlx::types::Json;
use uuid::Uuid;

table_row! {
    /// How training stood at one moment; see `TrainingProgressed` for units.
    RunMetricRow in "run_metrics", Conflict::Keep, counted Counted::Metrics, {
        /// Stream sequence.
        id: i64,
        run_id: Uuid,
        updates: i64,
        timestep: i64,
        robot_steps: i64,
        episodes_completed: i64,
        elapsed_seconds: f64,
        steps_per_second: f64,
        robot_steps_per_second: f64,
        mean_return: Option<f64>,
        mean_reward: f64,
        mean_threat: f64,
        coverage: f64,
        worst_idleness: f64,
        exploration_score: f64,
        best_mean_threat: Option<f64>,
        loss: f64,
        diagnostics: Json<Diagnostics>,
        recorded_at: DateTime<Utc>,
    }
}

pub(crate) fn rows(facts: &[Fact]) -> Vec<RunMetricRow> {
    let row = |fact: &Fact| {
        let Event::TrainingProgressed(event) = &fact.event else { return None };
        Some(RunMetricRow {
            id: bigint(fact.sequence),
            run_id: event.run_id.0,
            updates: bigint(event.update),
            timestep: bigint(event.timestep),
            robot_steps: bigint(event.robot_steps),
            episodes_completed: bigint(event.episodes_completed),
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
            diagnostics: Json(event.diagnostics.clone()),
            recorded_at: fact.envelope.time,
        })
    };
    facts.iter().filter_map(row).collect()
}
