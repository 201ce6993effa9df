//! A nats-server of the test's own with ingest beside it, and a client that only knows NATS.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use contracts::commands::{DeleteRun, PauseRun, StartRun, StopRun};
use contracts::events::{BlobRef, CheckpointCreated, CommandRejected, RunRequested, RunStarted};
use contracts::ids::EventId;
use contracts::{CheckpointId, Command, CommandId, Envelope, Event, RecordedEvent, RunId, subjects};
use event_log::{Definitions, EventLog, EventLogConfig, ExpectedVersion, NewEvent};
use ingest::{Config, Surroundings};
use service_runtime::{Health, Lifecycle, Metrics, RandomIds, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use test_support::{TestNats, wait_for};
use tokio::task::JoinHandle;
use uuid::Uuid;

pub const PATIENCE: Duration = Duration::from_secs(40);

pub struct World {
    pub nats: TestNats,
    pub log: EventLog,
}

/// A running ingest; dropping it is a kill.
pub struct Ingest {
    lifecycle: Lifecycle,
    task: JoinHandle<Result<(), ingest::Error>>,
    pub health: Health,
    pub metrics: Metrics,
}

impl World {
    /// With every stream and consumer, and no ingest yet.
    pub async fn start() -> Result<Self> {
        let nats = TestNats::start().await?;
        let log = EventLog::connect(EventLogConfig::new(nats.url(), "test")).await?;
        log.ensure(&Definitions::embedded()?).await?;
        Ok(Self { nats, log })
    }

    pub async fn with_ingest() -> Result<(Self, Ingest)> {
        let world = Self::start().await?;
        let ingest = world.ingest();
        Ok((world, ingest))
    }

    pub fn ingest(&self) -> Ingest {
        let config = Config {
            event_log: EventLogConfig::new(self.nats.url(), "ingest"),
            replicas: 1,
            store_url: format!("file://{}", self.nats.directory().path().join("store").display()),
        };
        let (lifecycle, health, metrics) = (Lifecycle::new(), Health::new(), Metrics::new("test"));
        let surroundings = Surroundings {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            health: health.clone(),
            metrics: metrics.clone(),
        };
        let task = tokio::spawn(ingest::run(config, surroundings, lifecycle.clone()));
        Ingest { lifecycle, task, health, metrics }
    }

    /// Publishes like `nats pub`, without a header.
    pub async fn publish_bare(&self, subject: &str, payload: &str) -> Result<()> {
        let answer = self.nats.client().await?.request(subject.to_owned(), payload.to_owned().into()).await?;
        let answer = String::from_utf8(answer.payload.to_vec())?;
        answer.contains(r#""stream":"PATROL_COMMANDS""#).then_some(()).context(answer)
    }

    /// Publishes a command under `id`, with an envelope.
    pub async fn send(&self, id: u128, command: &Command) -> Result<CommandId> {
        let id = CommandId(Uuid::from_u128(id));
        let envelope = Envelope::for_command(command.kind(), id, "test", chrono_epoch(), command.run_id());
        let subject = subjects::command(command.aggregate(), command.verb());
        self.log.send_command(&subject, &envelope, Bytes::from(command.to_json()?)).await?;
        Ok(id)
    }

    /// Every event that `filter` matches.
    pub async fn events(&self, filter: &str) -> Result<Vec<RecordedEvent>> {
        Ok(self.log.load(filter).await?)
    }

    /// Waits for the events on `filter` to be `count`.
    pub async fn wait_for_events(&self, filter: &str, count: usize) -> Result<Vec<RecordedEvent>> {
        wait_for(&format!("{count} events on {filter}"), PATIENCE, async || {
            let events = self.events(filter).await.map_err(|error| format!("{error:#}"))?;
            let kinds: Vec<_> = events.iter().map(|event| event.envelope.kind.clone()).collect();
            if events.len() >= count { Ok(events) } else { Err(format!("{kinds:?}")) }
        })
        .await
    }

    /// The outcome of the command `id`: waits for the event that it caused.
    pub async fn outcome(&self, id: CommandId) -> Result<Event> {
        let found = wait_for("the outcome of a command", PATIENCE, async || {
            let events = self.events(subjects::ALL_EVENTS).await.map_err(|error| format!("{error:#}"))?;
            let caused = events.iter().find(|event| event.envelope.causation_id == Some(id.0)).cloned();
            caused.ok_or_else(|| format!("{} events, none caused by {id}", events.len()))
        });
        Ok(found.await?.event()?)
    }

    pub async fn rejection(&self, id: CommandId) -> Result<CommandRejected> {
        match self.outcome(id).await? {
            Event::CommandRejected(rejected) => Ok(rejected),
            other => bail!("accepted with {other:?}"),
        }
    }

    /// Waits until no command is left, decided or not.
    pub async fn wait_until_settled(&self) -> Result<()> {
        wait_for("an empty command queue", PATIENCE, async || {
            let stream = event_log::StreamName::Commands;
            match self.log.stream_status(stream).await {
                Ok(status) if status.messages == 0 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// Appends as a trainer would.
    pub async fn append(&self, event: &Event) -> Result<()> {
        let id = EventId(Uuid::new_v5(&Uuid::NAMESPACE_OID, &event.to_json()?));
        let envelope = Envelope::for_event(event, id, "trainer", chrono_epoch());
        self.log.append(&NewEvent::new(event, envelope)?, &ExpectedVersion::Any).await?;
        Ok(())
    }
}

impl Ingest {
    pub async fn wait_until_ready(&self) -> Result<()> {
        wait_for("ingest", PATIENCE, async || {
            let report = self.health.report();
            if report.ready { Ok(()) } else { Err(format!("{report:?}")) }
        })
        .await
    }

    /// Asks it to drain, and waits for its end.
    pub async fn stop(mut self) -> Result<()> {
        self.lifecycle.shut_down();
        Ok((&mut self.task).await??)
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn chrono_epoch() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::UNIX_EPOCH
}

pub fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(number))
}

pub fn start(run_id: RunId) -> Command {
    let start = StartRun { run_id: Some(run_id), total_timesteps: 1000, ..StartRun::default() };
    Command::StartRun(Box::new(start))
}

pub fn pause(run_id: RunId) -> Command {
    Command::PauseRun(PauseRun { run_id })
}

pub fn stop(run_id: RunId) -> Command {
    Command::StopRun(StopRun { run_id, force: false })
}

pub fn delete(run_id: RunId) -> Command {
    Command::DeleteRun(DeleteRun { run_id })
}

pub fn started(run_id: RunId) -> Event {
    Event::RunStarted(RunStarted {
        run_id,
        trainer_id: "trainer-1".into(),
        resumed_from: None,
        binary_sha256: "0".repeat(64),
        cpu_features: Vec::new(),
        threads: 1,
    })
}

pub fn checkpoint_created(run_id: RunId) -> Event {
    let blob = BlobRef { uri: "checkpoints/1".into(), sha256: "a".repeat(64), bytes: 1, rows: None };
    Event::CheckpointCreated(Box::new(CheckpointCreated {
        run_id,
        checkpoint_id: CheckpointId::of(run_id, 1),
        update: 1,
        timestep: 8192,
        episodes_completed: 3,
        policy: blob.clone(),
        resume: blob,
        digest: "b".repeat(64),
        next_segment: 1,
        mean_threat: None,
        is_last: false,
    }))
}

pub fn requested(event: Event) -> Result<RunRequested> {
    match event {
        Event::RunRequested(requested) => Ok(*requested),
        other => bail!("not accepted: {other:?}"),
    }
}
