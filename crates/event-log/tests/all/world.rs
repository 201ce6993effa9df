//! A nats-server of the test's own, with every stream, and events to append.

use anyhow::Result;
use bytes::Bytes;
use contracts::{Envelope, RunId};
use event_log::{Definitions, EventLog, EventLogConfig, NewEvent};
use std::time::Duration;
use test_support::TestNats;
use uuid::Uuid;

pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    pub nats: TestNats,
    pub log: EventLog,
}

impl World {
    pub async fn start() -> Result<Self> {
        Self::start_with(Definitions::embedded()?).await
    }

    pub async fn start_with(definitions: Definitions) -> Result<Self> {
        let nats = TestNats::start().await?;
        let log = connect(&nats, "test").await?;
        log.ensure(&definitions).await?;
        Ok(Self { nats, log })
    }
}

pub async fn connect(nats: &TestNats, name: &str) -> Result<EventLog> {
    let mut config = EventLogConfig::new(nats.url(), name);
    config.request_timeout = Duration::from_secs(2);
    Ok(EventLog::connect(config).await?)
}

pub fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(number))
}

/// The event `name` of `aggregate`, with `id` as its identity.
pub fn event(aggregate: &str, run: RunId, name: &str, id: u128) -> NewEvent {
    NewEvent {
        subject: format!("patrol.evt.{aggregate}.{run}.{name}"),
        envelope: Envelope {
            id: Uuid::from_u128(id),
            source: "/patrol/test".into(),
            kind: format!("patrol.{aggregate}.{name}.v1"),
            time: chrono::DateTime::UNIX_EPOCH,
            subject: Some(run.to_string()),
            correlation_id: None,
            causation_id: None,
            traceparent: None,
        },
        payload: Bytes::from(format!(r#"{{"id":{id}}}"#)),
    }
}

/// `count` progress events of `run`, with the identities `first..first + count`.
pub fn progress(run: RunId, first: u128, count: u128) -> Vec<NewEvent> {
    (first..first + count).map(|id| event("training", run, "progressed", id)).collect()
}
