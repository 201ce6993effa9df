//! Servers of a test's own, with services as processes beside them.

use super::{Executable, PATIENCE, Process};
use ::trajectories::ObjectStore;
use anyhow::{Context, Result, ensure};
use contracts::{Event, RecordedEvent, RunId, subjects};
use event_log::{EventLog, EventLogConfig, ReadOptions, StreamName};
use futures::StreamExt;
use read_models::{ReadModels, ReadModelsConfig};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use test_support::{TestCluster, TestDirectory, TestNats, TestPostgres, wait_for};

/// The services of a whole system.
const SERVICES: [&str; 4] = ["ingest", "trainer", "evaluator", "projector"];

/// A nats-server or a cluster of them, a Postgres and an empty object store; services come and go.
pub struct System<N = TestNats> {
    pub executable: Executable,
    pub log: EventLog,
    pub models: ReadModels,
    pub store: ObjectStore,
    pub nats: N,
    pub postgres: TestPostgres,
    client: async_nats::Client,
    directory: TestDirectory,
    started: AtomicU32,
}

impl System {
    /// Without any service: streams are made by ingest, tables by the projector.
    pub async fn start() -> Result<Self> {
        let nats = TestNats::start().await?;
        let (url, client) = (nats.url(), nats.client().await?);
        Self::on(nats, url, client, 1).await
    }

    /// With one process of every service.
    pub async fn with_services() -> Result<(Self, Vec<Process>)> {
        let system = Self::start().await?;
        let services = system.services()?;
        Ok((system, services))
    }
}

impl System<TestCluster> {
    /// The same on a cluster, with a copy of every stream on each server.
    pub async fn on_cluster() -> Result<Self> {
        let nats = TestCluster::start().await?;
        let (url, client) = (nats.url(), nats.client().await?);
        Self::on(nats, url, client, TestCluster::SERVERS).await
    }
}

impl<N> System<N> {
    /// On these servers, with so many copies of every stream.
    async fn on(nats: N, url: String, client: async_nats::Client, replicas: usize) -> Result<Self> {
        let postgres = TestPostgres::start().await?;
        let database = postgres.empty_database().await?;
        let directory = TestDirectory::new("system")?;
        let store = directory.path().join("store");
        let executable = Executable::with_variables(vec![
            ("NATS_URL", url.clone()),
            ("NATS_REPLICAS", replicas.to_string()),
            ("DATABASE_URL", database.url().to_owned()),
            ("PATROL_STORE_URL", format!("file://{}", store.display())),
            ("PATROL_DATA_DIR", directory.path().join("data").display().to_string()),
        ])?;
        Ok(Self {
            executable,
            log: EventLog::connect(EventLogConfig::new(&url, "test")).await?,
            models: ReadModels::connect(&ReadModelsConfig::new(database.url(), "test")).await?,
            store: ObjectStore::local(&store)?,
            client,
            nats,
            postgres,
            directory,
            started: AtomicU32::new(0),
        })
    }

    /// One process of every service.
    pub fn services(&self) -> Result<Vec<Process>> {
        SERVICES.iter().map(|name| self.service(name)).collect()
    }

    /// The folder behind the object store.
    pub fn store_path(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// Starts one more process of a service.
    pub fn service(&self, name: &str) -> Result<Process> {
        self.service_of(&self.executable, name)
    }

    /// The same of an executable with other variables.
    pub fn service_of(&self, executable: &Executable, name: &str) -> Result<Process> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        executable.start(&[name], &self.directory.path().join(format!("{name}-{number}.log")))
    }

    /// Waits until ingest has made the streams.
    pub async fn ready(&self) -> Result<()> {
        wait_for("the event log", PATIENCE, async || self.log.last_sequence().await.map(|_| ())).await
    }

    /// Publishes like `nats req`, without a header; the answer is JetStream's acknowledgement.
    pub async fn publish(&self, subject: &str, payload: &Value) -> Result<()> {
        // Nobody answers before there are streams.
        self.ready().await?;
        let answer = self.client.request(subject.to_owned(), payload.to_string().into()).await?;
        let answer = String::from_utf8(answer.payload.to_vec())?;
        ensure!(answer.contains(r#""stream":"PATROL_COMMANDS""#), "{answer}");
        Ok(())
    }

    /// The first event on `filter` from which `pick` takes something.
    ///
    /// # Errors
    /// When a run fails meanwhile, or nothing comes in time.
    pub async fn wait_for_event<T>(
        &self,
        filter: String,
        pick: impl Fn(&RecordedEvent, &Event) -> Option<T>,
    ) -> Result<T> {
        let mut events = self.log.read(ReadOptions::follow(1).filtered([filter.clone()]));
        let mut seen = Vec::new();
        let found = async {
            while let Some(recorded) = events.next().await {
                let recorded = recorded?;
                let event = recorded.event()?;
                if let Some(found) = pick(&recorded, &event) {
                    return Ok(found);
                }
                ensure!(!matches!(event, Event::RunFailed(_)), "{event:?}");
                seen.push(recorded.envelope.kind);
            }
            anyhow::bail!("the log ended")
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.with_context(|| format!("waited in vain on {filter}; seen: {seen:?}"))?
    }

    /// All events about a run.
    pub async fn events(&self, run: RunId) -> Result<Vec<Event>> {
        let recorded = self.log.load(&subjects::all_of_run(run)).await?;
        Ok(recorded.iter().map(RecordedEvent::event).collect::<Result<_, _>>()?)
    }

    /// Waits until every trajectory has become rows of files and the read models show the whole log.
    pub async fn settle(&self) -> Result<()> {
        wait_for("an empty trajectory queue", PATIENCE, async || {
            match self.log.stream_status(StreamName::Trajectories).await {
                Ok(status) if status.messages == 0 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await?;
        let last = self.log.last_sequence().await?;
        ensure!(self.models.wait_for_position(last, PATIENCE).await, "the read models do not reach {last}");
        Ok(())
    }

    /// Rebuilds the read models from the log and compares them, as an operator would.
    pub async fn replay_is_identical(&self) -> Result<Value> {
        let report = self.executable.json(&["replay", "project", "--check", "--json"]).await?;
        ensure!(report["identical"] == true, "{report:#}");
        Ok(report)
    }
}
