//! Atomic batches (ADR-50, nats-server 2.12): all events of a batch are stored, or none.
//!
//! Every message carries the batch's id and its number in it; the last one commits and is the only one acknowledged.
//! The server stages a batch in files and syncs it: one costs some milliseconds whatever its size, a single append a tenth
//! of one. Use a batch where all-or-nothing matters, or for a hundred events and more.
//! [`EventLog::append_many`] is a row of such batches rather than pipelined single appends, so that the order holds when
//! one is refused.

use crate::append::{Appended, ExpectedVersion, NewEvent, publication};
use crate::connection::EventLog;
use crate::error::{Error, Result};
use crate::publish::Verdict;
use crate::subject_filter::subject_matches;

/// Messages that the server takes in one atomic batch.
pub const MAX_BATCH: usize = 1000;

impl EventLog {
    /// Appends all events or none, in order and without gaps; `expected` guards the whole batch.
    ///
    /// Returns where the last event stands. A batch of which some events are already in the log (a producer that resumed
    /// and repeats itself) is completed event by event.
    ///
    /// # Errors
    /// As [`EventLog::append`], and `BatchTooLarge` above [`MAX_BATCH`] events, `Configuration` for an empty batch.
    pub async fn append_batch(&self, events: &[NewEvent], expected: &ExpectedVersion) -> Result<Appended> {
        match events {
            [] => Err(Error::Configuration("an empty batch has nothing to append".into())),
            [event] => self.append(event, expected).await,
            _ if events.len() > MAX_BATCH => Err(Error::BatchTooLarge(events.len())),
            [first, ..] => match self.retrying(|| self.publish_or_conflict(events, first, expected)).await? {
                Verdict::Stored { sequence, .. } => Ok(Appended { sequence, duplicate: false }),
                Verdict::DuplicateInBatch | Verdict::WrongLastSequence => {
                    self.append_each(events, expected.clone()).await
                }
            },
        }
    }

    /// A stale expectation is no conflict if the batch is in the log already.
    async fn publish_or_conflict(
        &self,
        events: &[NewEvent],
        first: &NewEvent,
        expected: &ExpectedVersion,
    ) -> Result<Verdict> {
        let verdict = self.publish_batch(events, expected).await?;
        if verdict == Verdict::WrongLastSequence {
            self.landed_or_conflict(first, expected).await?;
        }
        Ok(verdict)
    }

    /// Appends any number of events in order, as atomic batches one after the other.
    ///
    /// Unguarded; a batch is at most [`MAX_BATCH`] messages in flight, so that consumers on the connection do not starve.
    pub async fn append_many(&self, events: &[NewEvent]) -> Result<Option<Appended>> {
        let mut last = None;
        for batch in events.chunks(MAX_BATCH) {
            last = Some(self.append_batch(batch, &ExpectedVersion::Any).await?);
        }
        Ok(last)
    }

    async fn publish_batch(&self, events: &[NewEvent], expected: &ExpectedVersion) -> Result<Verdict> {
        let client = &self.inner.control;
        let inbox = client.new_inbox();
        let id = inbox.rsplit('.').next().unwrap_or(&inbox);
        for (index, event) in events.iter().enumerate() {
            let guard = if index == 0 { expected } else { &ExpectedVersion::Any };
            let mut message = publication(event, guard)?;
            message.headers.insert("Nats-Batch-Id", id);
            message.headers.insert("Nats-Batch-Sequence", (index + 1).to_string());
            if index + 1 == events.len() {
                message.headers.insert("Nats-Batch-Commit", "1");
                return self.publish_once(client, message).await;
            }
            let sent = client.publish_with_headers(message.subject, message.headers, message.payload).await;
            sent.map_err(|error| Error::unavailable("atomic batch", error))?;
        }
        Err(Error::Configuration("an empty batch has nothing to append".into()))
    }

    /// Completes a batch that is partly in the log; ids make it idempotent, the guard moves along with its own events.
    async fn append_each(&self, events: &[NewEvent], mut expected: ExpectedVersion) -> Result<Appended> {
        let mut last = Appended { sequence: 0, duplicate: true };
        for event in events {
            let appended = self.append(event, &expected).await?;
            last = Appended { sequence: appended.sequence, duplicate: last.duplicate && appended.duplicate };
            match &mut expected {
                ExpectedVersion::Exact { filter, sequence } if subject_matches(filter, &event.subject) => {
                    *sequence = appended.sequence;
                }
                _ => {}
            }
        }
        Ok(last)
    }
}
