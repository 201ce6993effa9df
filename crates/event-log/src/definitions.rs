//! Stream and consumer definitions: the files under `nats/`, embedded.

use crate::backoff;
use crate::connection::EventLog;
use crate::drift::{FieldDrift, compare};
use crate::error::{Error, Result};
use crate::publish::STORAGE_EXCEEDED;
use serde_json::{Value, json};
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::Instant;

pub(crate) const STREAM_NOT_FOUND: u64 = 10059;
pub(crate) const CONSUMER_NOT_FOUND: u64 = 10014;
/// How long services that create the same stream at once may be in each other's way.
const SIMULTANEOUS_CREATION: Duration = Duration::from_secs(3);

/// The streams of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamName {
    Commands,
    Events,
    Trajectories,
    DeadLetters,
}

impl StreamName {
    pub const ALL: [Self; 4] = [Self::Commands, Self::Events, Self::Trajectories, Self::DeadLetters];

    /// As the server knows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commands => "PATROL_COMMANDS",
            Self::Events => "PATROL_EVENTS",
            Self::Trajectories => "PATROL_TRAJECTORIES",
            Self::DeadLetters => "PATROL_DEAD_LETTERS",
        }
    }

    /// The stream with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.as_str() == name)
    }

    /// Whether its messages are removed once processed.
    pub fn is_work_queue(self) -> bool {
        matches!(self, Self::Commands | Self::Trajectories)
    }

    fn definition(self) -> &'static str {
        match self {
            Self::Commands => include_str!("../../../nats/streams/PATROL_COMMANDS.json"),
            Self::Events => include_str!("../../../nats/streams/PATROL_EVENTS.json"),
            Self::Trajectories => include_str!("../../../nats/streams/PATROL_TRAJECTORIES.json"),
            Self::DeadLetters => include_str!("../../../nats/streams/PATROL_DEAD_LETTERS.json"),
        }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The durable consumers: each is a work queue for competing workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Every command, for ingest.
    Commands,
    /// Every trajectory segment, for ingest.
    Trajectories,
    /// `run.requested` and `run.resumed`, for trainers.
    Runs,
    /// `training.checkpoint_created` and `evaluation.requested`, for evaluators.
    Checkpoints,
    /// The server's advisories about messages delivered too often, for ingest.
    ExhaustedDeliveries,
}

impl Queue {
    pub const ALL: [Self; 5] =
        [Self::Commands, Self::Trajectories, Self::Runs, Self::Checkpoints, Self::ExhaustedDeliveries];

    /// The durable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commands => "ingest-commands",
            Self::Trajectories => "ingest-trajectories",
            Self::Runs => "trainer-runs",
            Self::Checkpoints => "evaluator-checkpoints",
            Self::ExhaustedDeliveries => "exhausted-deliveries",
        }
    }

    /// The stream it reads.
    pub fn stream(self) -> StreamName {
        match self {
            Self::Commands => StreamName::Commands,
            Self::Trajectories => StreamName::Trajectories,
            Self::Runs | Self::Checkpoints => StreamName::Events,
            Self::ExhaustedDeliveries => StreamName::DeadLetters,
        }
    }

    fn definition(self) -> &'static str {
        match self {
            Self::Commands => include_str!("../../../nats/consumers/ingest-commands.json"),
            Self::Trajectories => include_str!("../../../nats/consumers/ingest-trajectories.json"),
            Self::Runs => include_str!("../../../nats/consumers/trainer-runs.json"),
            Self::Checkpoints => include_str!("../../../nats/consumers/evaluator-checkpoints.json"),
            Self::ExhaustedDeliveries => include_str!("../../../nats/consumers/exhausted-deliveries.json"),
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What must exist on the server: field by field as its JSON API knows it.
#[derive(Clone, Debug)]
pub struct Definitions {
    streams: Vec<(StreamName, Value)>,
    queues: Vec<(Queue, Value)>,
}

impl Definitions {
    /// The files under `nats/`, one replica each.
    pub fn embedded() -> Result<Self> {
        let read = |name: &str, text: &str| {
            serde_json::from_str::<Value>(text)
                .map_err(|error| Error::Configuration(format!("definition of {name} is not JSON: {error}")))
        };
        let streams = StreamName::ALL.map(|stream| Ok((stream, read(stream.as_str(), stream.definition())?)));
        let queues = Queue::ALL.map(|queue| Ok((queue, read(queue.as_str(), queue.definition())?["config"].take())));
        Ok(Self {
            streams: streams.into_iter().collect::<Result<_>>()?,
            queues: queues.into_iter().collect::<Result<_>>()?,
        })
    }

    /// Every stream with `replicas` copies: 1 on one server, 3 in a cluster.
    pub fn with_replicas(mut self, replicas: u8) -> Self {
        for (_, definition) in &mut self.streams {
            definition["num_replicas"] = json!(replicas);
        }
        self
    }

    /// `stream` bounded to `bytes` on disk.
    pub fn with_max_bytes(self, stream: StreamName, bytes: u64) -> Self {
        self.with_stream_field(stream, "max_bytes", json!(bytes))
    }

    /// `field` of `stream` set to `value`, in the words of the server's API.
    pub fn with_stream_field(mut self, stream: StreamName, field: &str, value: Value) -> Self {
        for (_, definition) in self.streams.iter_mut().filter(|(name, _)| *name == stream) {
            definition[field] = value.clone();
        }
        self
    }

    /// `field` of `queue` set to `value`, in the words of the server's API.
    pub fn with_queue_field(mut self, queue: Queue, field: &str, value: Value) -> Self {
        for (_, definition) in self.queues.iter_mut().filter(|(name, _)| *name == queue) {
            definition[field] = value.clone();
        }
        self
    }
}

impl EventLog {
    /// Creates every stream and consumer that does not exist and compares all others with their definition. A consumer that an
    /// older version bounded in its deliveries, and nothing else, loses that bound where its definition has none any more.
    ///
    /// # Errors
    /// `Drift` names every field that differs. Nothing else is ever updated, and nothing deleted.
    pub async fn ensure(&self, definitions: &Definitions) -> Result<()> {
        for (stream, definition) in &definitions.streams {
            self.ensure_stream(*stream, definition).await?;
        }
        for (queue, definition) in &definitions.queues {
            self.ensure_queue(*queue, definition).await?;
        }
        Ok(())
    }

    async fn ensure_stream(&self, stream: StreamName, definition: &Value) -> Result<()> {
        let found = self.api::<Value>(&format!("STREAM.INFO.{stream}"), &json!({})).await;
        let echo = match found {
            Err(Error::Rejected { code: STREAM_NOT_FOUND, .. }) => {
                tracing::info!(stream.name = %stream, "creating stream");
                self.create_stream(stream, definition).await?
            }
            other => other?,
        };
        self.inner.answered.store(true, Relaxed);
        refuse_drift("stream", stream.as_str(), compare(definition, &echo["config"]))
    }

    /// Each creation reserves its `max_bytes` until the server finds that another one was faster, so that several at once may
    /// ask for more than there is.
    async fn create_stream(&self, stream: StreamName, definition: &Value) -> Result<Value> {
        let deadline = Instant::now() + SIMULTANEOUS_CREATION;
        let mut attempts = 0;
        loop {
            let refusal = match self.api(&format!("STREAM.CREATE.{stream}"), definition).await {
                Err(error @ Error::Rejected { code: STORAGE_EXCEEDED, .. }) => error,
                done => return done,
            };
            if let Ok(echo) = self.api(&format!("STREAM.INFO.{stream}"), &json!({})).await {
                return Ok(echo);
            }
            if Instant::now() >= deadline {
                return Err(refusal);
            }
            backoff::wait(attempts).await;
            attempts += 1;
        }
    }

    async fn ensure_queue(&self, queue: Queue, definition: &Value) -> Result<()> {
        let stream = queue.stream();
        let found = self.api::<Value>(&format!("CONSUMER.INFO.{stream}.{queue}"), &json!({})).await;
        let echo = match found {
            Err(Error::Rejected { code: CONSUMER_NOT_FOUND, .. }) => {
                tracing::info!(consumer.name = %queue, "creating consumer");
                self.set_queue(queue, definition, "create").await?
            }
            other => other?,
        };
        let drift = compare(definition, &echo["config"]);
        if only_bounds_deliveries(&drift) {
            tracing::info!(consumer.name = %queue, "no longer bounding deliveries, as it was defined before");
            let mut config = echo["config"].clone();
            config["max_deliver"] = definition["max_deliver"].clone();
            let echo = self.set_queue(queue, &config, "update").await?;
            return refuse_drift("consumer", queue.as_str(), compare(definition, &echo["config"]));
        }
        refuse_drift("consumer", queue.as_str(), drift)
    }

    async fn set_queue(&self, queue: Queue, config: &Value, action: &str) -> Result<Value> {
        let stream = queue.stream();
        let request = json!({ "stream_name": stream.as_str(), "config": config, "action": action });
        self.api(&format!("CONSUMER.DURABLE.CREATE.{stream}.{queue}"), &request).await
    }
}

/// Lifting this bound gives nothing up: what was delivered stays so, and what waits goes on waiting.
fn only_bounds_deliveries(drift: &[FieldDrift]) -> bool {
    matches!(drift, [FieldDrift { field, defined, .. }] if field == "max_deliver" && *defined == json!(-1))
}

fn refuse_drift(what: &'static str, name: &str, fields: Vec<FieldDrift>) -> Result<()> {
    match fields.is_empty() {
        true => Ok(()),
        false => Err(Error::Drift { what, name: name.to_owned(), fields }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_is_named_like_its_file_and_bounded() {
        let definitions = Definitions::embedded().unwrap();
        for (stream, definition) in &definitions.streams {
            assert_eq!(definition["name"], stream.as_str());
            assert!(definition["max_bytes"].as_u64().unwrap() > 0, "{stream} grows without bound");
        }
        for (queue, definition) in &definitions.queues {
            assert_eq!(definition["durable_name"], queue.as_str());
            let file: Value = serde_json::from_str(queue.definition()).unwrap();
            assert_eq!(file["stream_name"], queue.stream().as_str());
        }
    }
}
