//! A nats-server of the test's own with trainers beside it; runs are requested in the log, as ingest would.

use anyhow::{Context, Result, ensure};
use contracts::commands::StartRun;
use contracts::events::{CheckpointCreated, Outcome, RunCompleted, RunRequested, SegmentsConsumed};
use contracts::ids::{CommandId, EventId};
use contracts::{Envelope, Event, RunId, subjects};
use event_log::{Definitions, EventLog, EventLogConfig, ExpectedVersion, NewEvent, Queue};
use serde_json::{Value, json};
use service_runtime::{Clock, Health, IdSource, Lifecycle, Metrics, RandomIds, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use test_support::{TestNats, wait_for};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use trainer::actor::ActorConfig;
use trainer::{Config, Surroundings};
use uuid::Uuid;

pub const PATIENCE: Duration = Duration::from_secs(120);
/// How soon the run of a dead trainer is offered again.
const ACK_WAIT: Duration = Duration::from_secs(2);

pub struct World {
    pub nats: TestNats,
    pub log: EventLog,
}

/// A running trainer or actor on a runtime of its own; killing it ends all its tasks where they are.
pub struct Running {
    runtime: Option<Runtime>,
    task: JoinHandle<Result<(), trainer::Error>>,
}

impl Running {
    fn start(service: impl Future<Output = Result<(), trainer::Error>> + Send + 'static) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let task = runtime.spawn(service);
        Ok(Self { runtime: Some(runtime), task })
    }

    /// Lets nothing of it go on, as SIGKILL does.
    pub fn kill(self) {
        self.task.abort();
    }

    /// Waits until it ends by itself.
    pub async fn ended(mut self) -> Result<()> {
        Ok(tokio::time::timeout(PATIENCE, &mut self.task).await???)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl World {
    pub async fn start() -> Result<Self> {
        let nats = TestNats::start().await?;
        let log = EventLog::connect(EventLogConfig::new(nats.url(), "test")).await?;
        let soon = json!(ACK_WAIT.as_nanos() as u64);
        log.ensure(&Definitions::embedded()?.with_queue_field(Queue::Runs, "ack_wait", soon)).await?;
        Ok(Self { nats, log })
    }

    pub fn store_url(&self) -> String {
        format!("file://{}", self.nats.directory().path().join("store").display())
    }

    pub fn config(&self, name: &str) -> Config {
        Config { event_log: EventLogConfig::new(self.nats.url(), name), store_url: self.store_url(), threads: 2 }
    }

    pub fn trainer(&self) -> Result<Running> {
        let outside = Surroundings {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            health: Health::new(),
            metrics: Metrics::new("trainer"),
        };
        Running::start(trainer::run(self.config("trainer"), outside, Lifecycle::new()))
    }

    /// A remote actor of `run`, two lanes at a time.
    pub fn actor(&self, name: &str, run: RunId) -> Result<Running> {
        let event_log = EventLogConfig::new(self.nats.url(), "actor");
        let config = ActorConfig { event_log, run, lanes: 2, name: name.to_owned() };
        Running::start(trainer::actor::act(config, Lifecycle::new()))
    }

    /// Requests a run with asynchronous actors: 8×8 cells, updates of 512 steps in four or more segments, a checkpoint
    /// every fourth.
    pub async fn request(&self, number: u128, timesteps: u64, actors: &str) -> Result<RunId> {
        let payload = json!({
            "algorithm": "a3c",
            "total_timesteps": timesteps,
            "env_width": 8,
            "env_height": 8,
            "num_envs": 16,
            "num_workers": 2,
            "batch_size": 64,
            "config": {
                "seed": 7,
                "actors": actors,
                "rollout_length": 32,
                "max_steps": 50,
                "checkpoint_every_updates": 4,
                "recording": "none",
            },
        });
        self.request_of(number, payload).await
    }

    /// Requests the run that a start command with this payload means.
    pub async fn request_of(&self, number: u128, payload: Value) -> Result<RunId> {
        let run = RunId(Uuid::from_u128(number));
        let start: StartRun = serde_json::from_value(payload)?;
        let config = domain::run_config::complete(&start, CommandId(Uuid::from_u128(number)))
            .map_err(|rejection| anyhow::anyhow!("{rejection}"))?;
        let requested = RunRequested {
            run_id: run,
            name: format!("test {number}"),
            config,
            parent_run_id: start.parent_run_id,
            init_from: start.init_from,
            resume_from: start.resume_from,
        };
        self.append(&Event::RunRequested(Box::new(requested))).await?;
        Ok(run)
    }

    pub async fn append(&self, event: &Event) -> Result<()> {
        let envelope = Envelope::for_event(event, EventId(RandomIds.next_id()), "test", SystemClock.now());
        self.log.append(&NewEvent::new(event, envelope)?, &ExpectedVersion::Any).await?;
        Ok(())
    }

    pub async fn events(&self, run: RunId) -> Result<Vec<Event>> {
        let recorded = self.log.load(&subjects::all_of_run(run)).await?;
        Ok(recorded.iter().map(|recorded| recorded.event()).collect::<Result<_, _>>()?)
    }

    /// Waits until `holds` says something of the run's events.
    pub async fn wait<T>(&self, what: &str, run: RunId, holds: impl Fn(&[Event]) -> Option<T>) -> Result<T> {
        wait_for(what, PATIENCE, async || {
            let events = self.events(run).await.map_err(|error| format!("{error:#}"))?;
            let failed = events.iter().find(|event| matches!(event, Event::RunFailed(_)));
            let last = || format!("{} events, the last {:?}", events.len(), failed.or(events.last()));
            holds(&events).ok_or_else(last)
        })
        .await
    }

    pub async fn completed(&self, run: RunId) -> Result<RunCompleted> {
        let completed = self.wait("the end of a run", run, |events| events.iter().find_map(completed)).await?;
        ensure!(completed.outcome == Outcome::Finished, "{completed:?}");
        Ok(completed)
    }

    /// Plays the run again from its log: no segment comes out differently, and every checkpoint is the same.
    pub async fn replays(&self, run: RunId) -> Result<()> {
        let report = trainer::replay(&self.config("replay"), run, |_| {}).await?;
        let events = self.events(run).await?;
        let checkpoints = events.iter().filter_map(checkpoint).count();
        ensure!(report.checkpoints.len() == checkpoints, "{report:?}");
        ensure!(report.is_identical(), "{report:?}");
        let last = report.checkpoints.last().context("a checkpoint")?;
        let recorded = events.iter().find_map(completed).and_then(|completed| completed.digest);
        ensure!(Some(&last.replayed) == recorded.as_ref(), "{report:?}");
        Ok(())
    }
}

pub fn completed(event: &Event) -> Option<RunCompleted> {
    match event {
        Event::RunCompleted(completed) => Some(completed.clone()),
        _ => None,
    }
}

pub fn checkpoint(event: &Event) -> Option<&CheckpointCreated> {
    match event {
        Event::CheckpointCreated(created) => Some(created),
        _ => None,
    }
}

pub fn consumed(event: &Event) -> Option<&SegmentsConsumed> {
    match event {
        Event::SegmentsConsumed(order) => Some(order),
        _ => None,
    }
}

/// Every segment that the run learned from: who played it.
pub fn players(events: &[Event]) -> Vec<String> {
    let segments = events.iter().filter_map(consumed).flat_map(|order| &order.segments);
    segments.map(|segment| segment.actor.clone()).collect()
}
