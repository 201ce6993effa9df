//! `trajectory_files`: one row per Parquet file of the archive.

use super::last_of_each;
use crate::batch::Fact;
use crate::insert::{Conflict, table_row};
use crate::postgres_text::{bigint, integer, text};
use chrono::{DateTime, Utc};
use contracts::Event;
use uuid::Uuid;

table_row! {
    /// A Parquet file and what it covers; both ends of every range are inclusive.
    TrajectoryFileRow in "trajectory_files", Conflict::Replace("file_id"), {
        file_id: Uuid,
        /// Stream sequence.
        id: i64,
        run_id: Uuid,
        /// `train`, `eval`, `baseline` or `external`.
        split: String,
        /// `episodes`, `steps`, `maps` or `world_events`.
        table_name: String,
        /// Key below the object store's root.
        uri: String,
        sha256: String,
        bytes: i64,
        rows: i64,
        producer: String,
        first_segment: i64,
        last_segment: i64,
        first_episode: Option<i64>,
        last_episode: Option<i64>,
        first_step: Option<i32>,
        last_step: Option<i32>,
        written_at: DateTime<Utc>,
    }
}

pub(crate) fn rows(facts: &[Fact]) -> Vec<TrajectoryFileRow> {
    let row = |fact: &Fact| {
        let Event::FileWritten(event) = &fact.event else { return None };
        Some(TrajectoryFileRow {
            file_id: event.file_id.0,
            id: bigint(fact.sequence),
            run_id: event.run_id.0,
            split: event.split.token().into(),
            table_name: event.table.token().into(),
            uri: text(&event.blob.uri),
            sha256: text(&event.blob.sha256),
            bytes: bigint(event.blob.bytes),
            rows: bigint(event.blob.rows.unwrap_or(0)),
            producer: text(&event.segments.producer),
            first_segment: bigint(event.segments.first),
            last_segment: bigint(event.segments.last),
            first_episode: event.first_episode.map(bigint),
            last_episode: event.last_episode.map(bigint),
            first_step: event.first_step.map(integer),
            last_step: event.last_step.map(integer),
            written_at: fact.envelope.time,
        })
    };
    last_of_each(facts.iter().filter_map(row).collect(), |row| row.file_id)
}
