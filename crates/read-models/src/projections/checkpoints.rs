//! `checkpoints`: one row per checkpoint.

use super::last_of_each;
use crate::batch::Fact;
use crate::insert::{Conflict, table_row};
use crate::postgres_text::{bigint, text};
use chrono::{DateTime, Utc};
use contracts::Event;
use uuid::Uuid;

table_row! {
    /// A checkpoint; one that is created again (a resumed trainer, or the last one of a run) replaces itself.
    CheckpointRow in "checkpoints", Conflict::Replace("checkpoint_id"), {
        checkpoint_id: Uuid,
        /// Stream sequence.
        id: i64,
        run_id: Uuid,
        updates: i64,
        timestep: i64,
        episodes_completed: i64,
        /// Key below the object store's root.
        policy_uri: String,
        policy_sha256: String,
        policy_bytes: i64,
        resume_uri: String,
        resume_sha256: String,
        resume_bytes: i64,
        /// SHA-256 over policy and resume state.
        digest: String,
        next_segment: i64,
        mean_threat: Option<f64>,
        is_last: bool,
        created_at: DateTime<Utc>,
    }
}

pub(crate) fn rows(facts: &[Fact]) -> Vec<CheckpointRow> {
    let row = |fact: &Fact| {
        let Event::CheckpointCreated(event) = &fact.event else { return None };
        Some(CheckpointRow {
            checkpoint_id: event.checkpoint_id.0,
            id: bigint(fact.sequence),
            run_id: event.run_id.0,
            updates: bigint(event.update),
            timestep: bigint(event.timestep),
            episodes_completed: bigint(event.episodes_completed),
            policy_uri: text(&event.policy.uri),
            policy_sha256: text(&event.policy.sha256),
            policy_bytes: bigint(event.policy.bytes),
            resume_uri: text(&event.resume.uri),
            resume_sha256: text(&event.resume.sha256),
            resume_bytes: bigint(event.resume.bytes),
            digest: text(&event.digest),
            next_segment: bigint(event.next_segment),
            mean_threat: event.mean_threat,
            is_last: event.is_last,
            created_at: fact.envelope.time,
        })
    };
    last_of_each(facts.iter().filter_map(row).collect(), |row| row.checkpoint_id)
}
