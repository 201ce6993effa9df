//! Reads of the log without a consumer: one event, the last of a subject, one aggregate's history.
//!
//! In a cluster any replica answers a direct get (ADR-31), also one that has not heard of the last events yet. So single
//! events are asked of the leader, and histories, which only direct gets deliver in batches, have to reach as far as it says.

use crate::connection::EventLog;
use crate::definitions::{STREAM_NOT_FOUND, StreamName};
use crate::error::{Error, Result};
use crate::record::{self, Position};
use async_nats::Message;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::RawMessage;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use contracts::RecordedEvent;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use std::pin::pin;
use std::str::FromStr;
use uuid::Uuid;

/// Messages asked for at once.
const PAGE: usize = 500;
pub(crate) const NO_MESSAGE_FOUND: u64 = 10037;
const LAGGING: &str = "a replica of the log lags behind its leader";

#[derive(Deserialize)]
struct Found {
    message: RawMessage,
}

impl EventLog {
    /// The event at `sequence` of the log.
    pub async fn event_at(&self, sequence: u64) -> Result<Option<RecordedEvent>> {
        let found = self.message(StreamName::Events, json!({ "seq": sequence })).await?;
        found.as_ref().map(decode_stored).transpose()
    }

    /// The last event on any subject that `filter` matches.
    pub async fn last_event(&self, filter: &str) -> Result<Option<RecordedEvent>> {
        self.last_message(filter).await?.as_ref().map(decode_stored).transpose()
    }

    /// The sequence of [`EventLog::last_event`], 0 when there is none: the version to expect in an append.
    pub async fn last_sequence_of(&self, filter: &str) -> Result<u64> {
        Ok(self.last_message(filter).await?.map_or(0, |message| message.sequence))
    }

    /// Every event that `filter` matches, oldest first: the history that an aggregate is folded from.
    pub async fn load(&self, filter: &str) -> Result<Vec<RecordedEvent>> {
        self.load_after(filter, 0).await
    }

    /// As [`EventLog::load`], after `sequence` only.
    pub async fn load_after(&self, filter: &str, sequence: u64) -> Result<Vec<RecordedEvent>> {
        let last = self.last_sequence_of(filter).await?;
        let (mut events, mut next) = (Vec::new(), sequence + 1);
        while next <= last {
            let (page, reached) = self.retrying(|| self.page(filter, next, last)).await?;
            events.extend(page.iter().map(decode).collect::<Result<Vec<_>>>()?);
            next = reached + 1;
        }
        Ok(events)
    }

    /// The sequence of the event with `id` on `subject` after `sequence`.
    pub(crate) async fn find(&self, subject: &str, id: Uuid, sequence: u64) -> Result<Option<u64>> {
        // The usual case, a lost acknowledgement, is the last message of the subject.
        match self.last_event(subject).await {
            Ok(Some(last)) if last.envelope.id == id => return Ok(Some(last.sequence)),
            Ok(None) => return Ok(None),
            Ok(Some(_)) | Err(Error::Malformed { .. }) => {}
            Err(error) => return Err(error),
        }
        let events = self.load_after(subject, sequence).await?;
        Ok(events.iter().find(|event| event.envelope.id == id).map(|event| event.sequence))
    }

    async fn last_message(&self, filter: &str) -> Result<Option<StreamMessage>> {
        self.message(StreamName::Events, json!({ "last_by_subj": filter })).await
    }

    /// One message of any stream, from its leader; `None` when there is none.
    pub(crate) async fn message(&self, stream: StreamName, query: Value) -> Result<Option<StreamMessage>> {
        let call = format!("STREAM.MSG.GET.{stream}");
        match self.api::<Found>(&call, &query).await {
            Ok(found) => Ok(Some(found.message.try_into().map_err(|error| Error::unavailable(call, error))?)),
            Err(Error::Rejected { code: NO_MESSAGE_FOUND, .. }) => Ok(None),
            Err(Error::Rejected { code: STREAM_NOT_FOUND, .. }) => {
                Err(Error::Missing { what: "stream", name: stream.to_string() })
            }
            Err(error) => Err(error),
        }
    }

    /// Up to [`PAGE`] messages from `start` on and the sequence that they reach: at least `last`, unless there are more.
    async fn page(&self, filter: &str, start: u64, last: u64) -> Result<(Vec<Message>, u64)> {
        let client = &self.inner.control;
        let stream = StreamName::Events;
        let lost = |reason: &dyn ToString| Error::unavailable(format!("events of {filter}"), reason.to_string());
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await.map_err(|e| lost(&e))?;
        let query = json!({ "seq": start, "next_by_subj": filter, "batch": PAGE }).to_string();
        let call = format!("$JS.API.DIRECT.GET.{stream}");
        let mut refusals = self.watch_refusals();
        client.publish_with_reply(call.clone(), inbox, Bytes::from(query)).await.map_err(|e| lost(&e))?;
        let mut answer_lost = pin!(self.answer_lost());
        let mut page = Vec::new();
        loop {
            let answer = tokio::select! {
                biased;
                answer = tokio::time::timeout(self.inner.config.request_timeout, answers.next()) => answer,
                refusal = refusals.of(&call) => return Err(refusal),
                () = &mut answer_lost => return Err(lost(&"the connection was lost")),
            };
            let message = answer.map_err(|e| lost(&e))?.ok_or_else(|| lost(&"connection closed"))?;
            match message.status.map(|status| status.as_u16()) {
                None => page.push(message),
                Some(204) => {
                    let more = header::<u64>(&message, "Nats-Num-Pending")? > 0;
                    let reached: u64 = header(&message, "Nats-Last-Sequence")?;
                    return if more || reached >= last { Ok((page, reached)) } else { Err(lost(&LAGGING)) };
                }
                Some(404) => return Err(lost(&LAGGING)),
                Some(503) => return Err(Error::Missing { what: "stream", name: stream.to_string() }),
                Some(status) => return Err(lost(&format!("status {status}"))),
            }
        }
    }
}

fn decode(message: &Message) -> Result<RecordedEvent> {
    let subject: String = header(message, "Nats-Subject")?;
    let position = Position {
        sequence: header(message, "Nats-Sequence")?,
        subject: &subject,
        recorded_at: header::<DateTime<Utc>>(message, "Nats-Time-Stamp")?,
    };
    record::decode(position, message.headers.as_ref(), &message.payload)
}

fn decode_stored(message: &StreamMessage) -> Result<RecordedEvent> {
    let position = Position { sequence: message.sequence, subject: &message.subject, recorded_at: message.time };
    record::decode(position, Some(&message.headers), &message.payload)
}

/// A header that the direct-get API always sets.
fn header<T: FromStr>(message: &Message, name: &'static str) -> Result<T> {
    let value = message.headers.as_ref().and_then(|headers| record::value(headers, name));
    let parsed = value.and_then(|value| value.parse().ok());
    parsed.ok_or_else(|| Error::unavailable("direct get", format!("header {name} is {}", value.unwrap_or("missing"))))
}
