//! Appending one event, idempotent by its id and optionally guarded by an expected version.

use crate::connection::EventLog;
use crate::error::{Error, Result};
use crate::publish::{Publication, Verdict};
use crate::record;
use bytes::Bytes;
use contracts::{Envelope, Event};

const EXPECTED_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
const EXPECTED_FILTER: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

/// An event on its way into the log.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    pub subject: String,
    pub envelope: Envelope,
    /// JSON.
    pub payload: Bytes,
}

impl NewEvent {
    /// `event` with its own subject.
    pub fn new(event: &Event, envelope: Envelope) -> serde_json::Result<Self> {
        Ok(Self { subject: event.subject(), envelope, payload: Bytes::from(event.to_json()?) })
    }
}

/// What an append relies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Nothing.
    Any,
    /// `sequence` is the last one on any subject that `filter` matches; 0 when there is none.
    ///
    /// The filter need not match the event's own subject: a trainer guards its `training` events by its run's lifecycle,
    /// so that one that lost its run can append nothing more.
    Exact { filter: String, sequence: u64 },
}

impl ExpectedVersion {
    /// `sequence` is the last one that `filter` matches.
    pub fn exact(filter: impl Into<String>, sequence: u64) -> Self {
        Self::Exact { filter: filter.into(), sequence }
    }
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub sequence: u64,
    /// It stood there already, under the same id.
    pub duplicate: bool,
}

impl EventLog {
    /// Appends one event and waits until the server has stored it.
    ///
    /// Safe to repeat: an event whose id is already in the log is reported as a duplicate, also when an earlier attempt
    /// was stored but its acknowledgement was lost.
    ///
    /// # Errors
    /// `Conflict` when the expected version is stale, `Unavailable` after outages longer than
    /// [`crate::EventLogConfig::retry_for`], `Refused`, `StreamFull`, `TooLarge`, `Rejected`.
    pub async fn append(&self, event: &NewEvent, expected: &ExpectedVersion) -> Result<Appended> {
        self.retrying(|| async {
            match self.publish_once(&self.inner.control, publication(event, expected)?).await? {
                Verdict::Stored { sequence, duplicate } => Ok(Appended { sequence, duplicate }),
                Verdict::WrongLastSequence | Verdict::DuplicateInBatch => {
                    self.landed_or_conflict(event, expected).await
                }
            }
        })
        .await
    }

    /// Publishes a command, like any client: stored by `PATROL_COMMANDS`, decided by ingest.
    ///
    /// The acknowledgement says that the command is safe; its outcome is the event whose causation id is the command's.
    pub async fn send_command(&self, subject: &str, envelope: &Envelope, payload: Bytes) -> Result<Appended> {
        let command = NewEvent { subject: subject.to_owned(), envelope: envelope.clone(), payload };
        self.append(&command, &ExpectedVersion::Any).await
    }

    /// After a stale expectation: did an earlier attempt land, or was somebody else faster?
    pub(crate) async fn landed_or_conflict(&self, event: &NewEvent, expected: &ExpectedVersion) -> Result<Appended> {
        let (filter, sequence) = match expected {
            ExpectedVersion::Exact { filter, sequence } => (filter.clone(), *sequence),
            ExpectedVersion::Any => (event.subject.clone(), 0),
        };
        // In this order: an earlier attempt that lands in between is found.
        let actual = self.last_sequence_of(&filter).await?;
        if let Some(sequence) = self.find(&event.subject, event.envelope.id, sequence).await? {
            return Ok(Appended { sequence, duplicate: true });
        }
        if actual == sequence {
            // A cluster refuses for the sake of what it is still replicating, perhaps our own earlier attempt.
            return Err(Error::unavailable(format!("append to {filter}"), "another append is on its way"));
        }
        Err(Error::Conflict { filter, expected: sequence, actual })
    }
}

/// The message of `event`, with its guard as headers.
pub(crate) fn publication(event: &NewEvent, expected: &ExpectedVersion) -> Result<Publication> {
    let mut headers = record::headers(&event.envelope)?;
    if let ExpectedVersion::Exact { filter, sequence } = expected {
        headers.insert(EXPECTED_SEQUENCE, sequence.to_string());
        record::insert(&mut headers, EXPECTED_FILTER, filter)?;
    }
    Ok(Publication { subject: event.subject.clone(), headers, payload: event.payload.clone() })
}
