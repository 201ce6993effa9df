//! A batch of the log, and writing it: rows and position in one transaction.

use crate::connection::ReadModels;
use crate::error::{Error, Result};
use crate::position::{self, Position};
use crate::projections;
use chrono::{DateTime, Utc};
use contracts::{Envelope, Event};
use uuid::Uuid;

/// An event that was understood.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Its sequence in the log.
    pub sequence: u64,
    pub envelope: Envelope,
    pub event: Event,
}

/// An event that cannot be understood and is skipped on request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    pub sequence: u64,
    /// Its subject or type.
    pub subject: String,
    pub reason: String,
    /// Absent, like its time, when it has no readable envelope.
    pub event_id: Option<Uuid>,
    pub time: Option<DateTime<Utc>>,
}

/// Consecutive events of one log.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The sequence behind which the batch begins.
    pub after: u64,
    /// In the order of the log.
    pub facts: Vec<Fact>,
    /// In the order of the log, too.
    pub poison: Vec<Poison>,
    /// The last event of the batch.
    pub end: Position,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Events written now; fewer than the batch has when some were written before.
    pub events: usize,
    /// The position afterwards.
    pub sequence: u64,
}

impl ReadModels {
    /// Writes the rows of `batch` and its position in one transaction.
    ///
    /// Idempotent: events at or below the committed position are left out. The commit does not wait for the disk, because
    /// rows and position are lost together and the log has the events.
    ///
    /// # Errors
    /// `WentBack` when the tables do not reach up to `batch.after`, `OtherHistory` when they follow another stream,
    /// `Database` otherwise; nothing is written then.
    pub async fn apply(&self, batch: &Batch) -> Result<Applied> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
        let committed = position::lock(&mut transaction).await?;
        let reached = committed.as_ref().map_or(0, |position| position.sequence);
        if let Some(found) = committed.filter(|found| found.stream_identity != batch.end.stream_identity) {
            let expected = batch.end.stream_identity.clone();
            return Err(Error::OtherHistory { expected, found: found.stream_identity });
        }
        if reached < batch.after {
            return Err(Error::WentBack { expected: batch.after, found: reached });
        }
        if reached >= batch.end.sequence {
            return Ok(Applied { events: 0, sequence: reached });
        }
        let facts = &batch.facts[batch.facts.partition_point(|fact| fact.sequence <= reached)..];
        let poison = &batch.poison[batch.poison.partition_point(|poison| poison.sequence <= reached)..];
        projections::apply(&mut transaction, facts, poison).await?;
        position::store(&mut transaction, &batch.end, self.notifies).await?;
        transaction.commit().await?;
        Ok(Applied { events: facts.len() + poison.len(), sequence: batch.end.sequence })
    }
}
