//! Work queues: each message goes to one worker at a time until one acknowledges it.

use crate::backoff;
use crate::connection::EventLog;
use crate::definitions::{Queue, StreamName};
use crate::error::{Error, Result};
use crate::publish::consumer_error;
use crate::record::{self, Position};
use async_nats::jetstream::{self, consumer::Consumer, consumer::pull};
use async_nats::{Client, HeaderMap, Subject};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use contracts::{Envelope, EnvelopeError};
use futures::StreamExt;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A durable consumer that competing workers pull from.
pub struct WorkQueue {
    log: EventLog,
    queue: Queue,
    consumer: Consumer<pull::Config>,
    ack_wait: Duration,
}

/// A message handed to this worker, to be acknowledged where its effect became durable.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub subject: String,
    pub payload: Bytes,
    pub stream: StreamName,
    /// In its stream.
    pub sequence: u64,
    /// How often it was handed out, this time included.
    pub attempts: u64,
    /// When the server stored it.
    pub recorded_at: DateTime<Utc>,
    pub receipt: Receipt,
    headers: HeaderMap,
}

/// The right to settle one delivery. Unsettled, the message is handed out again after the queue's `ack_wait`.
#[derive(Clone, Debug)]
pub struct Receipt {
    client: Client,
    reply: Subject,
    ack_wait: Duration,
}

/// Keeps a delivery in progress until dropped.
#[derive(Debug)]
pub struct Heartbeat {
    task: JoinHandle<()>,
}

impl EventLog {
    /// Binds to a work queue that [`EventLog::ensure`] created.
    pub async fn work_queue(&self, queue: Queue) -> Result<WorkQueue> {
        let context = jetstream::new(self.inner.control.clone());
        let stream = queue.stream();
        let subject = format!("$JS.API.CONSUMER.INFO.{stream}.{queue}");
        let consumer: Consumer<pull::Config> = self
            .retrying(|| async {
                let mut refusals = self.watch_refusals();
                let bound = tokio::select! {
                    bound = context.get_consumer_from_stream(queue.as_str(), stream.as_str()) => bound,
                    refusal = refusals.of(&subject) => return Err(refusal),
                };
                bound.map_err(|error| consumer_error(queue.as_str(), &error))
            })
            .await?;
        let ack_wait = consumer.cached_info().config.ack_wait;
        Ok(WorkQueue { log: self.clone(), queue, consumer, ack_wait })
    }
}

impl WorkQueue {
    /// Up to `most` messages: what is there at once, else the first that arrives within `wait`, else none.
    ///
    /// Pull no more than can be settled, or kept alive, within the queue's `ack_wait`. An outage counts as nothing
    /// there; an error is something that waiting cannot cure.
    pub async fn pull(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>> {
        let deadline = Instant::now() + wait;
        let mut failures = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pull_once(most, left).await {
                Ok(deliveries) => return Ok(deliveries),
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => tracing::warn!(consumer.name = %self.queue, "pulling again: {error}"),
            }
            if Instant::now() + backoff::delay(failures) >= deadline {
                tokio::time::sleep_until(deadline).await;
                return Ok(Vec::new());
            }
            backoff::wait(failures).await;
            failures += 1;
        }
    }

    /// How long a delivery may stay unsettled without a heartbeat.
    pub fn ack_wait(&self) -> Duration {
        self.ack_wait
    }

    async fn pull_once(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>> {
        let ready = self.consumer.fetch().max_messages(most).messages().await;
        let ready = self.collect(ready, Duration::ZERO).await?;
        if !ready.is_empty() || wait.is_zero() {
            return Ok(ready);
        }
        let first = self.consumer.batch().max_messages(1).expires(wait).messages().await;
        self.collect(first, wait).await
    }

    /// All messages of a batch for which the server waits so long.
    async fn collect(&self, batch: Result<pull::Batch, pull::BatchError>, wait: Duration) -> Result<Vec<Delivery>> {
        let lost = |error: &dyn ToString| Error::unavailable(format!("work queue {}", self.queue), error.to_string());
        let mut batch = batch.map_err(|error| lost(&error))?;
        let call = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.queue.stream(), self.queue);
        let mut refusals = self.log.watch_refusals();
        // The server forgets a waiting pull when the connection is lost.
        let mut connects = self.log.watch_connects();
        let mut deliveries = Vec::new();
        loop {
            // A pull that the server never saw, because the one that led the consumer froze, is answered by nobody.
            let patience = wait + self.log.inner.config.request_timeout;
            let message = tokio::select! {
                biased;
                message = batch.next() => message,
                () = tokio::time::sleep(patience) => Some(Err("timed out".into())),
                refusal = refusals.of(&call) => return Err(refusal),
                _ = connects.changed() => Some(Err("reconnected".into())),
            };
            match message {
                Some(Ok(message)) => deliveries.push(self.delivery(message)?),
                // What was delivered before the failure is in our hands and must not be dropped.
                Some(Err(error)) if deliveries.is_empty() => return Err(lost(&error)),
                Some(Err(_)) | None => return Ok(deliveries),
            }
        }
    }

    fn delivery(&self, message: jetstream::Message) -> Result<Delivery> {
        let lost = |error: &dyn ToString| Error::unavailable(format!("work queue {}", self.queue), error.to_string());
        let info = message.info().map_err(|error| lost(&error))?;
        let (sequence, attempts, recorded_at) = (info.stream_sequence, info.delivered, info.published);
        let message = message.message;
        let reply = message.reply.ok_or_else(|| lost(&"a delivery without a reply subject"))?;
        Ok(Delivery {
            subject: message.subject.to_string(),
            payload: message.payload,
            stream: self.queue.stream(),
            sequence,
            attempts: u64::try_from(attempts).unwrap_or(1),
            recorded_at,
            receipt: Receipt { client: self.log.inner.control.clone(), reply, ack_wait: self.ack_wait },
            headers: message.headers.unwrap_or_default(),
        })
    }
}

impl Delivery {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        record::value(&self.headers, name)
    }

    /// The envelope; a bare publish has none.
    pub fn envelope(&self) -> Result<Envelope, EnvelopeError> {
        Envelope::from_headers(|name| self.header(name))
    }

    /// This message as the event that it is.
    pub fn recorded_event(&self) -> Result<contracts::RecordedEvent> {
        let position = Position { sequence: self.sequence, subject: &self.subject, recorded_at: self.recorded_at };
        record::decode(position, Some(&self.headers), &self.payload)
    }
}

impl Receipt {
    /// Done: its effect is durable.
    pub async fn ack(&self) -> Result<()> {
        self.settle("+ACK".into()).await
    }

    /// Not now: hand it out again after `delay`, to any worker.
    pub async fn nak(&self, delay: Duration) -> Result<()> {
        self.settle(format!(r#"-NAK {{"delay":{}}}"#, delay.as_nanos())).await
    }

    /// Never again, to nobody.
    pub async fn term(&self, reason: &str) -> Result<()> {
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(200).collect();
        self.settle(format!("+TERM {reason}")).await
    }

    /// Still at work: `ack_wait` begins anew.
    pub async fn in_progress(&self) -> Result<()> {
        self.settle("+WPI".into()).await
    }

    /// Says `in_progress` three times per `ack_wait` until the guard is dropped.
    pub fn keep_alive(&self) -> Heartbeat {
        let receipt = self.clone();
        let period = (self.ack_wait / 3).max(Duration::from_millis(10));
        let task = tokio::spawn(async move {
            // A delivery is ours for one `ack_wait` as it is: most are settled before they need a heartbeat.
            let mut ticks = tokio::time::interval_at(Instant::now() + period, period);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(error) = receipt.in_progress().await {
                    tracing::warn!("heartbeat not sent: {error}");
                }
            }
        });
        Heartbeat { task }
    }

    async fn settle(&self, answer: String) -> Result<()> {
        let sent = self.client.publish(self.reply.clone(), Bytes::from(answer)).await;
        sent.map_err(|error| Error::unavailable("acknowledgement", error))
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}
