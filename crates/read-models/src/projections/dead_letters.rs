//! `dead_letters`: one row per message that can never be processed.

use crate::batch::{Fact, Poison};
use crate::insert::{Conflict, table_row};
use crate::postgres_text::{bigint, text};
use chrono::{DateTime, Utc};
use contracts::Event;
use uuid::Uuid;

/// Where events that this projection skipped are.
const EVENTS: &str = "PATROL_EVENTS";

table_row! {
    /// A message that was set aside, and why.
    DeadLetterRow in "dead_letters", Conflict::Keep, {
        /// Stream sequence in the event log.
        id: i64,
        run_id: Option<Uuid>,
        /// Where the message itself is.
        stream: String,
        sequence: i64,
        subject: String,
        reason: String,
        recorded_at: Option<DateTime<Utc>>,
    }
}

pub(crate) fn rows(facts: &[Fact], poison: &[Poison]) -> Vec<DeadLetterRow> {
    let set_aside = facts.iter().filter_map(|fact| {
        let Event::MessageDeadLettered(event) = &fact.event else { return None };
        Some(DeadLetterRow {
            id: bigint(fact.sequence),
            run_id: event.run_id.map(|id| id.0),
            stream: text(&event.stream),
            sequence: bigint(event.sequence),
            subject: text(&event.subject),
            reason: text(&event.reason),
            recorded_at: Some(fact.envelope.time),
        })
    });
    let skipped = poison.iter().map(|poison| DeadLetterRow {
        id: bigint(poison.sequence),
        run_id: None,
        stream: EVENTS.into(),
        sequence: bigint(poison.sequence),
        subject: text(&poison.subject),
        reason: text(&poison.reason),
        recorded_at: poison.time,
    });
    set_aside.chain(skipped).collect()
}
