//! Direct reads of the log: one event, the last of a subject, one aggregate's history.
//!
//! Uses the direct-get API (ADR-31), also its batched form: no consumer has to be created.

use crate::connection::EventLog;
use crate::definitions::StreamName;
use crate::error::{Error, Result};
use crate::record::{self, Position};
use async_nats::client::Request;
use async_nats::{Message, StatusCode};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use contracts::RecordedEvent;
use futures::StreamExt;
use serde_json::{Value, json};
use std::pin::pin;
use std::str::FromStr;
use uuid::Uuid;

/// Messages asked for at once.
const PAGE: usize = 500;

impl EventLog {
    /// The event at `sequence` of the log.
    pub async fn event_at(&self, sequence: u64) -> Result<Option<RecordedEvent>> {
        let found = self.direct_get(StreamName::Events, json!({ "seq": sequence })).await?;
        found.as_ref().map(decode).transpose()
    }

    /// The last event on any subject that `filter` matches.
    pub async fn last_event(&self, filter: &str) -> Result<Option<RecordedEvent>> {
        let found = self.direct_get(StreamName::Events, json!({ "last_by_subj": filter })).await?;
        found.as_ref().map(decode).transpose()
    }

    /// The sequence of [`EventLog::last_event`], 0 when there is none: the version to expect in an append.
    pub async fn last_sequence_of(&self, filter: &str) -> Result<u64> {
        let found = self.direct_get(StreamName::Events, json!({ "last_by_subj": filter })).await?;
        found.as_ref().map_or(Ok(0), |message| header(message, "Nats-Sequence"))
    }

    /// Every event that `filter` matches, oldest first: the history that an aggregate is folded from.
    pub async fn load(&self, filter: &str) -> Result<Vec<RecordedEvent>> {
        self.load_after(filter, 0).await
    }

    /// As [`EventLog::load`], after `sequence` only.
    pub async fn load_after(&self, filter: &str, sequence: u64) -> Result<Vec<RecordedEvent>> {
        let mut events = Vec::new();
        let mut next = Some(sequence + 1);
        while let Some(start) = next {
            let (page, following) = self.retrying(|| self.page(filter, start)).await?;
            events.extend(page.iter().map(decode).collect::<Result<Vec<_>>>()?);
            next = following;
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

    /// One message of any stream; `None` when there is none.
    pub(crate) async fn direct_get(&self, stream: StreamName, query: Value) -> Result<Option<Message>> {
        let subject = format!("$JS.API.DIRECT.GET.{stream}");
        let answer = self.retrying(|| async {
            let request = Request::new().payload(Bytes::from(query.to_string()));
            self.request(&self.inner.control, &subject, request).await
        });
        let message = answer.await?;
        match message.status {
            None => Ok(Some(message)),
            Some(StatusCode::NOT_FOUND) => Ok(None),
            Some(status) => Err(Error::Rejected {
                operation: format!("direct get from {stream}"),
                code: u64::from(status.as_u16()),
                reason: message.description.unwrap_or_default(),
            }),
        }
    }

    /// Up to [`PAGE`] messages from `start`, and where the next page begins.
    async fn page(&self, filter: &str, start: u64) -> Result<(Vec<Message>, Option<u64>)> {
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
                    let last: u64 = header(&message, "Nats-Last-Sequence")?;
                    return Ok((page, more.then_some(last + 1)));
                }
                Some(404) => return Ok((page, None)),
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

/// A header that the direct-get API always sets.
pub(crate) fn header<T: FromStr>(message: &Message, name: &'static str) -> Result<T> {
    let value = message.headers.as_ref().and_then(|headers| record::value(headers, name));
    let parsed = value.and_then(|value| value.parse().ok());
    parsed.ok_or_else(|| Error::unavailable("direct get", format!("header {name} is {}", value.unwrap_or("missing"))))
}
