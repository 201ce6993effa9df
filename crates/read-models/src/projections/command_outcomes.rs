//! `command_outcomes`: the events that commands directly caused, so that a client can learn what became of one.

use crate::batch::Fact;
use crate::insert::{Conflict, table_row};
use crate::postgres_text::{bigint, text};
use chrono::{DateTime, Utc};
use uuid::Uuid;

table_row! {
    /// An event caused by a command, a rejection included.
    CommandOutcomeRow in "command_outcomes", Conflict::Keep, {
        /// Stream sequence.
        id: i64,
        command_id: Uuid,
        event_id: Uuid,
        /// `ce-type`, e.g. `patrol.run.requested.v1`.
        event_type: String,
        run_id: Option<Uuid>,
        occurred_at: DateTime<Utc>,
    }
}

pub(crate) fn rows(facts: &[Fact]) -> Vec<CommandOutcomeRow> {
    let row = |fact: &Fact| {
        // A correlation begins with a command: whose cause is the beginning was caused by the command itself.
        let command = fact.envelope.causation_id.filter(|cause| fact.envelope.correlation_id == Some(*cause))?;
        Some(CommandOutcomeRow {
            id: bigint(fact.sequence),
            command_id: command,
            event_id: fact.envelope.id,
            event_type: text(&fact.envelope.kind),
            run_id: fact.event.run_id().map(|id| id.0),
            occurred_at: fact.envelope.time,
        })
    };
    facts.iter().filter_map(row).collect()
}
