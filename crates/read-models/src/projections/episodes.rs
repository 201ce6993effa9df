//! `episodes`: one row per training episode.

use super::run_counts::Counted;
use crate::batch::Fact;
use crate::insert::{Conflict, table_row};
use crate::postgres_text::{bigint, integer};
use chrono::{DateTime, Utc};
use contracts::Event;
use uuid::Uuid;

table_row! {
    /// A training episode in numbers; see `EpisodeSummary` for units. A repetition keeps the first row.
    EpisodeRow in "episodes", Conflict::Keep, counted Counted::Episodes, {
        run_id: Uuid,
        episode_index: i64,
        /// Stream sequence.
        id: i64,
        env_index: i32,
        timestep: i64,
        length: i32,
        terminated: bool,
        truncated: bool,
        episode_return: f64,
        mean_threat: f64,
        final_threat: f64,
        average_idleness: f64,
        worst_idleness: f64,
        coverage: f64,
        steps_to_full_coverage: Option<i32>,
        interferences: i32,
        objects_spawned: i32,
        objects_removed: i32,
        response_p50: Option<f64>,
        response_p95: Option<f64>,
        completed_at: DateTime<Utc>,
    }
}

pub(crate) fn rows(facts: &[Fact]) -> Vec<EpisodeRow> {
    let row = |fact: &Fact| {
        let Event::EpisodeCompleted(event) = &fact.event else { return None };
        let episode = &event.episode;
        Some(EpisodeRow {
            run_id: event.run_id.0,
            episode_index: bigint(episode.episode_index),
            id: bigint(fact.sequence),
            env_index: integer(episode.env_index),
            timestep: bigint(event.timestep),
            length: integer(episode.length),
            terminated: episode.terminated,
            truncated: episode.truncated,
            episode_return: episode.episode_return,
            mean_threat: episode.mean_threat,
            final_threat: episode.final_threat,
            average_idleness: episode.average_idleness,
            worst_idleness: episode.worst_idleness,
            coverage: episode.coverage,
            steps_to_full_coverage: episode.steps_to_full_coverage.map(integer),
            interferences: integer(episode.interferences),
            objects_spawned: integer(episode.objects_spawned),
            objects_removed: integer(episode.objects_removed),
            response_p50: episode.response_p50,
            response_p95: episode.response_p95,
            completed_at: fact.envelope.time,
        })
    };
    facts.iter().filter_map(row).collect()
}
