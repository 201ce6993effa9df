//! `rejected_commands`: one row per command that had no effect.

use crate::batch::Fact;
use crate::insert::{Conflict, table_row};
use crate::postgres_text::{bigint, text};
use chrono::{DateTime, Utc};
use contracts::{Event, Reason};
use sqlx::types::Json;
use uuid::Uuid;

table_row! {
    /// A refused command with every reason.
    RejectedCommandRow in "rejected_commands", Conflict::Keep, {
        /// Stream sequence.
        id: i64,
        command_id: Uuid,
        /// `<aggregate>.<verb>` as sent.
        command: String,
        run_id: Option<Uuid>,
        reasons: Json<Vec<Reason>>,
        rejected_at: DateTime<Utc>,
    }
}

pub(crate) fn rows(facts: &[Fact]) -> Vec<RejectedCommandRow> {
    let row = |fact: &Fact| {
        let Event::CommandRejected(event) = &fact.event else { return None };
        let reason = |reason: &Reason| Reason::new(text(&reason.field), &text(&reason.code), text(&reason.message));
        Some(RejectedCommandRow {
            id: bigint(fact.sequence),
            command_id: event.command_id.0,
            command: text(&event.command),
            run_id: event.run_id.map(|id| id.0),
            reasons: Json(event.reasons.iter().map(reason).collect()),
            rejected_at: fact.envelope.time,
        })
    };
    facts.iter().filter_map(row).collect()
}
