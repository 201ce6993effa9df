//! Do the read models and the log share their past?
//!
//! An acknowledged event is not yet on the log's disk, so that after a machine's crash Postgres can be ahead of the log,
//! and other events can stand where it remembers some.

use crate::error::Result;
use event_log::{Error as LogError, EventLog, StreamName};
use read_models::Position;

/// How to go on from a stored position.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With the events behind this sequence.
    Behind(u64),
    /// From the beginning, for this reason.
    Rebuild(String),
}

/// Compares the stored position with the log; also tells the log's identity.
pub(crate) async fn verify(log: &EventLog, position: Option<&Position>) -> Result<(String, Start)> {
    let status = log.stream_status(StreamName::Events).await?;
    let identity = Position::identity_of(status.created);
    let Some(position) = position else { return Ok((identity, Start::Behind(0))) };
    let sequence = position.sequence;
    let start = if position.stream_identity != identity {
        Start::Rebuild(format!("they follow the log of {}, this one is of {identity}", position.stream_identity))
    } else if sequence > status.last_sequence {
        Start::Rebuild(format!("they are at sequence {sequence}, the log ends at {}", status.last_sequence))
    } else if is_same_event(log, position).await? {
        Start::Behind(sequence)
    } else {
        Start::Rebuild(format!("another event stands at sequence {sequence}"))
    };
    Ok((identity, start))
}

async fn is_same_event(log: &EventLog, position: &Position) -> Result<bool> {
    match log.event_at(position.sequence).await {
        Ok(Some(event)) => Ok(position.event_id.is_none_or(|id| id == event.envelope.id)),
        // A sequence that the log passed without keeping an event there.
        Ok(None) => Ok(position.event_id.is_none()),
        Err(LogError::Malformed { .. }) => Ok(position.event_id.is_none()),
        Err(error) => Err(error.into()),
    }
}
