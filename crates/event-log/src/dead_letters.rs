//! Dead letters: what can never be processed is set aside with a reason, and the queue goes on.
//!
//! `PATROL_DEAD_LETTERS` holds pointers with a short excerpt, not copies.

use crate::append::Appended;
use crate::connection::EventLog;
use crate::definitions::StreamName;
use crate::error::{Error, Result};
use crate::lookup::NO_MESSAGE_FOUND;
use crate::publish::{Publication, Verdict};
use crate::work_queue::{Delivery, Receipt, WorkQueue};
use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// Bytes of a payload that a dead letter quotes.
const EXCERPT: usize = 1024;

/// A message that was set aside. JSON on `patrol.dlq.<stream>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub stream: String,
    pub sequence: u64,
    pub subject: String,
    pub reason: String,
    /// How often it was delivered.
    pub attempts: u64,
    /// Size of its payload.
    pub bytes: usize,
    /// The beginning of its payload; bytes that are not UTF-8 are replaced.
    pub excerpt: String,
}

/// A message that was delivered as often as its queue allows, for [`EventLog::set_aside`].
pub struct ExhaustedDelivery {
    pub dead_letter: DeadLetter,
    /// Of the server's advisory.
    receipt: Receipt,
}

/// `io.nats.jetstream.advisory.v1.max_deliver`.
#[derive(Deserialize)]
struct Advisory {
    stream: String,
    consumer: String,
    stream_seq: u64,
    deliveries: u64,
}

impl Advisory {
    fn letter(&self, message: &StreamMessage) -> DeadLetter {
        DeadLetter {
            stream: self.stream.clone(),
            sequence: self.stream_seq,
            subject: message.subject.to_string(),
            reason: format!("{} gave up after {} deliveries", self.consumer, self.deliveries),
            attempts: self.deliveries,
            bytes: message.payload.len(),
            excerpt: excerpt(&message.payload),
        }
    }
}

impl EventLog {
    /// Sets a delivery aside: the pointer becomes durable, then the message leaves its queue.
    pub async fn dead_letter(&self, delivery: &Delivery, reason: &str) -> Result<DeadLetter> {
        let letter = DeadLetter {
            stream: delivery.stream.to_string(),
            sequence: delivery.sequence,
            subject: delivery.subject.clone(),
            reason: reason.to_owned(),
            attempts: delivery.attempts,
            bytes: delivery.payload.len(),
            excerpt: excerpt(&delivery.payload),
        };
        self.publish_dead_letter(&letter).await?;
        delivery.receipt.term(reason).await?;
        Ok(letter)
    }

    /// What was delivered too often, to be set aside; `advisories` is the queue [`crate::Queue::ExhaustedDeliveries`].
    pub async fn exhausted_deliveries(&self, advisories: &WorkQueue, wait: Duration) -> Result<Vec<ExhaustedDelivery>> {
        let mut exhausted = Vec::new();
        for Delivery { payload, receipt, .. } in advisories.pull(100, wait).await? {
            let advisory: Option<Advisory> = serde_json::from_slice(&payload).ok();
            let known = advisory.and_then(|it| StreamName::from_name(&it.stream).map(|stream| (stream, it)));
            let Some((stream, advisory)) = known else {
                receipt.term("not an advisory of our streams").await?;
                continue;
            };
            match self.message(stream, json!({ "seq": advisory.stream_seq })).await? {
                Some(message) => exhausted.push(ExhaustedDelivery { dead_letter: advisory.letter(&message), receipt }),
                // Set aside before, or settled after all.
                None => receipt.ack().await?,
            }
        }
        Ok(exhausted)
    }

    /// Sets such a message aside: the pointer becomes durable, then the message leaves its queue.
    ///
    /// The server leaves such messages in their stream for ever, so those of work queues are deleted here. Events stay
    /// in the log.
    pub async fn set_aside(&self, exhausted: &ExhaustedDelivery) -> Result<()> {
        let letter = &exhausted.dead_letter;
        self.publish_dead_letter(letter).await?;
        if let Some(stream) = StreamName::from_name(&letter.stream).filter(|stream| stream.is_work_queue()) {
            self.delete(stream, letter.sequence).await?;
        }
        exhausted.receipt.ack().await
    }

    async fn publish_dead_letter(&self, letter: &DeadLetter) -> Result<Appended> {
        let payload = serde_json::to_vec(letter).map_err(|error| Error::Configuration(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", format!("{}/{}", letter.stream, letter.sequence));
        let publication =
            Publication { subject: format!("patrol.dlq.{}", letter.stream), headers, payload: Bytes::from(payload) };
        match self.retrying(|| self.publish_once(&self.inner.control, publication.clone())).await? {
            Verdict::Stored { sequence, duplicate } => Ok(Appended { sequence, duplicate }),
            verdict => Err(Error::unavailable("dead letter", format!("unexpected answer {verdict:?}"))),
        }
    }

    /// Removes a processed message from a work queue; one that is gone already is fine.
    async fn delete(&self, stream: StreamName, sequence: u64) -> Result<()> {
        let body = json!({ "seq": sequence, "no_erase": true });
        match self.api::<Value>(&format!("STREAM.MSG.DELETE.{stream}"), &body).await {
            Ok(_) | Err(Error::Rejected { code: NO_MESSAGE_FOUND, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn excerpt(payload: &[u8]) -> String {
    String::from_utf8_lossy(&payload[..payload.len().min(EXCERPT)]).into_owned()
}
