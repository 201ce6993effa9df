//! What the log holds on some subjects, page by page.
//!
//! Uses batches of the direct-get API (ADR-31): no consumer has to be created, of which a server allows a thousand. In a cluster any replica
//! answers, also one that has not heard of the last events yet, so the pages have to reach as far as the leader says (docs/adr/0008).

use crate::connection::EventLog;
use crate::definitions::StreamName;
use crate::error::{Error, Result};
use crate::reader::EventReader;
use crate::record::{self, Position};
use async_nats::Message;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use contracts::RecordedEvent;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;
use std::pin::pin;
use std::str::FromStr;

/// Messages asked for at first, and at most; each page is twice as long as the one before.
const SHORTEST: usize = 64;
const LONGEST: usize = 512;
const LAGGING: &str = "a replica of the log lags behind its leader";

/// A place in a history.
struct Pages {
    log: EventLog,
    filter: String,
    /// The lowest sequence that was not read yet.
    next: u64,
    /// The last one to read, once the leader has said so.
    last: Option<u64>,
    size: usize,
}

impl EventLog {
    /// Every event from `from` on that `filter` matches and the log holds now, oldest first. For a part of the log; the whole of it is
    /// read faster by [`EventLog::read`].
    pub fn history(&self, filter: impl Into<String>, from: u64) -> EventReader {
        let pages = Pages { log: self.clone(), filter: filter.into(), next: from.max(1), last: None, size: SHORTEST };
        let pages = stream::try_unfold(pages, |mut pages| async {
            Ok(pages.turn().await?.map(|page| (stream::iter(page).map(Ok), pages)))
        });
        // An event that cannot be read is one of them; any other error is the end.
        EventReader::of(pages.try_flatten().map(|event| event.and_then(|event| event)))
    }

    /// Every event that `filter` matches, oldest first: the history that an aggregate is folded from.
    pub async fn load(&self, filter: &str) -> Result<Vec<RecordedEvent>> {
        self.load_after(filter, 0).await
    }

    /// As [`EventLog::load`], after `sequence` only.
    pub async fn load_after(&self, filter: &str, sequence: u64) -> Result<Vec<RecordedEvent>> {
        self.history(filter, sequence + 1).try_collect().await
    }
}

impl Pages {
    /// The next page; `None` behind the last one.
    async fn turn(&mut self) -> Result<Option<Vec<Result<RecordedEvent>>>> {
        let last = match self.last {
            Some(last) => last,
            None => self.log.last_sequence_of(&self.filter).await?,
        };
        self.last = Some(last);
        if self.next > last {
            return Ok(None);
        }
        let (page, reached) = self.log.retrying(|| self.read(last)).await?;
        (self.next, self.size) = (reached + 1, LONGEST.min(2 * self.size));
        Ok(Some(page.iter().map(decode).collect()))
    }

    /// A page and the sequence that it reaches: at least `last`, unless there are more.
    async fn read(&self, last: u64) -> Result<(Vec<Message>, u64)> {
        let client = &self.log.inner.control;
        let stream = StreamName::Events;
        let lost = |reason: &dyn ToString| Error::unavailable(format!("events of {}", self.filter), reason.to_string());
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await.map_err(|e| lost(&e))?;
        let query = json!({ "seq": self.next, "next_by_subj": self.filter, "batch": self.size }).to_string();
        let call = format!("$JS.API.DIRECT.GET.{stream}");
        let mut refusals = self.log.watch_refusals();
        client.publish_with_reply(call.clone(), inbox, Bytes::from(query)).await.map_err(|e| lost(&e))?;
        let mut answer_lost = pin!(self.log.answer_lost());
        let mut page = Vec::new();
        loop {
            let answer = tokio::select! {
                biased;
                answer = tokio::time::timeout(self.log.inner.config.request_timeout, answers.next()) => answer,
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

/// A header that the direct-get API always sets.
fn header<T: FromStr>(message: &Message, name: &'static str) -> Result<T> {
    let value = message.headers.as_ref().and_then(|headers| record::value(headers, name));
    let parsed = value.and_then(|value| value.parse().ok());
    parsed.ok_or_else(|| Error::unavailable("direct get", format!("header {name} is {}", value.unwrap_or("missing"))))
}
