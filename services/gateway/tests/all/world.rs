//! Servers, services and a client of the test's own.

use crate::samples;
use anyhow::{Context, Result, ensure};
use contracts::{Event, RunId};
use event_log::{Definitions, EventLog, EventLogConfig, NewEvent};
use gateway::{Config, Limits};
use read_models::{ReadModels, ReadModelsConfig};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use service_runtime::{Health, Lifecycle, Metrics, RandomIds, SystemClock};
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use test_support::{TestNats, TestPostgres, wait_for};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub nats: TestNats,
    pub postgres: TestPostgres,
    pub log: EventLog,
    pub models: ReadModels,
    pub address: SocketAddr,
    client: reqwest::Client,
    store_url: String,
    /// Ends every service when the test ends.
    lifecycle: Lifecycle,
    training: Lifecycle,
    deciding: Mutex<Option<Running>>,
    projecting: Mutex<Option<Running>>,
    projector: projector::Config,
}

/// A service that a test ends before the others.
type Running = (Lifecycle, JoinHandle<()>);

impl Drop for World {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl World {
    pub async fn start() -> Result<Self> {
        Self::with(|_| {}).await
    }

    /// With a trainer beside it.
    pub async fn with_trainer() -> Result<Self> {
        let world = Self::start().await?;
        let config = trainer::Config {
            event_log: EventLogConfig::new(world.nats.url(), "trainer"),
            store_url: world.store_url.clone(),
            threads: 1,
        };
        let outside = trainer::Surroundings {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            health: Health::new(),
            metrics: Metrics::new("trainer"),
        };
        spawn("trainer", trainer::run(config, outside, world.training.clone()));
        Ok(world)
    }

    /// Asks every service to end.
    pub fn shut_down(&self) {
        self.lifecycle.shut_down();
        self.training.shut_down();
        end(&self.deciding);
        end(&self.projecting);
    }

    /// Ends the trainer: what is started from now on waits in the queue.
    pub fn stop_training(&self) {
        self.training.shut_down();
    }

    /// Ends ingest: commands wait in the log.
    pub async fn stop_deciding(&self) -> Result<()> {
        Ok(end(&self.deciding).context("nobody decides")?.await?)
    }

    pub fn decide_again(&self) {
        let deciding = spawn_ingest(&self.nats, &self.store_url, Health::new(), Metrics::new("ingest"));
        *self.deciding.lock().unwrap_or_else(PoisonError::into_inner) = Some(deciding);
    }

    /// Ends the projector: the read models stay as they are.
    pub async fn stop_projecting(&self) -> Result<()> {
        Ok(end(&self.projecting).context("nobody projects")?.await?)
    }

    pub fn project_again(&self) {
        let projecting = spawn_projector(&self.projector, Health::new(), Metrics::new("projector"));
        *self.projecting.lock().unwrap_or_else(PoisonError::into_inner) = Some(projecting);
    }

    /// With a trainer and an evaluator beside it.
    pub async fn with_evaluator() -> Result<Self> {
        let world = Self::with_trainer().await?;
        let config = evaluator::Config {
            event_log: EventLogConfig::new(world.nats.url(), "evaluator"),
            store_url: world.store_url.clone(),
        };
        let outside = evaluator::Surroundings {
            clock: Arc::new(SystemClock),
            health: Health::new(),
            metrics: Metrics::new("evaluator"),
        };
        spawn("evaluator", evaluator::run(config, outside, world.lifecycle.clone()));
        Ok(world)
    }

    /// With other settings of the gateway.
    pub async fn with(adjust: impl FnOnce(&mut Config)) -> Result<Self> {
        let (nats, postgres) = (TestNats::start().await?, TestPostgres::start().await?);
        let database = postgres.fresh_database().await?;
        let log = EventLog::connect(EventLogConfig::new(nats.url(), "test")).await?;
        log.ensure(&Definitions::embedded()?).await?;
        let models = ReadModels::connect(&ReadModelsConfig::new(database.url(), "test")).await?;
        let lifecycle = Lifecycle::new();
        let store_url = format!("file://{}", nats.directory().path().join("store").display());
        let (health, metrics) = (Health::new(), Metrics::new("test"));
        let deciding = spawn_ingest(&nats, &store_url, health.clone(), metrics.clone());
        let projector = projector::Config {
            event_log: EventLogConfig::new(nats.url(), "projector"),
            read_models: ReadModelsConfig::new(database.url(), "projector"),
            on_poison: projector::OnPoison::Stop,
        };
        let projecting = spawn_projector(&projector, health.clone(), metrics.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut config = Config {
            bind: address,
            token: None,
            allowed_origins: vec!["http://localhost:3000".parse()?],
            limits: Limits::default(),
            event_log: EventLogConfig::new(nats.url(), "gateway"),
            read_models: ReadModelsConfig::new(database.url(), "gateway"),
            store_url: store_url.clone(),
        };
        adjust(&mut config);
        let outside = gateway::Surroundings { clock: Arc::new(SystemClock), ids: Arc::new(RandomIds), health, metrics };
        spawn("gateway", gateway::serve(listener, config, outside, lifecycle.clone()));
        let world = Self {
            nats,
            postgres,
            log,
            models,
            address,
            client: reqwest::Client::new(),
            store_url,
            lifecycle,
            training: Lifecycle::new(),
            deciding: Mutex::new(Some(deciding)),
            projecting: Mutex::new(Some(projecting)),
            projector,
        };
        world.ready().await?;
        Ok(world)
    }

    pub fn store_url(&self) -> &str {
        &self.store_url
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address)).timeout(PATIENCE)
    }

    pub async fn get(&self, path: &str) -> Result<(StatusCode, Value)> {
        read(self.request(Method::GET, path).send().await?).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Result<(StatusCode, Value)> {
        read(self.request(Method::POST, path).json(&body).send().await?).await
    }

    pub async fn delete(&self, path: &str) -> Result<(StatusCode, Value)> {
        read(self.request(Method::DELETE, path).send().await?).await
    }

    /// The body of a successful `GET`.
    pub async fn found(&self, path: &str) -> Result<Value> {
        let (status, body) = self.get(path).await?;
        ensure!(status == StatusCode::OK, "{path}: {status} {body:#}");
        Ok(body)
    }

    /// Starts a session; its number and run id.
    pub async fn start_session(&self, name: &str) -> Result<(i64, RunId)> {
        let body = json!({"name": name, "algorithm": "ppo", "total_timesteps": 10_000});
        let (status, session) = self.post("/api/v1/training/start", body).await?;
        ensure!(status == StatusCode::ACCEPTED, "{status} {session:#}");
        let number = session["id"].as_i64().context("a number")?;
        Ok((number, session["run_id"].as_str().context("a UUID")?.parse()?))
    }

    /// Starts a session with `body` and waits until it is over; as it stands then.
    pub async fn train(&self, body: Value) -> Result<Value> {
        let (status, session) = self.post("/api/v1/training/start", body).await?;
        ensure!(status == StatusCode::ACCEPTED, "{status} {session:#}");
        let path = format!("/api/v1/training/{}/status", session["id"]);
        wait_for("the end of training", PATIENCE, async || match self.found(&path).await {
            Ok(session) if session["status"] == "completed" => Ok(session),
            Ok(session) => Err(format!("{session:#}")),
            Err(error) => Err(format!("{error:#}")),
        })
        .await
    }

    /// Appends events as other services would, and waits until the read models show them.
    pub async fn append(&self, events: Vec<Event>) -> Result<()> {
        let after = self.log.last_sequence().await?;
        let events = events.into_iter().zip(after + 1..).map(|(event, sequence)| {
            let mut envelope = samples::envelope(sequence, &event);
            // Not the effect of a command.
            (envelope.causation_id, envelope.correlation_id) = (None, None);
            NewEvent::new(&event, envelope)
        });
        self.log.append_many(&events.collect::<Result<Vec<_>, _>>()?).await?;
        let last = self.log.last_sequence().await?;
        ensure!(self.models.wait_for_position(last, PATIENCE).await, "the projector did not reach {last}");
        Ok(())
    }

    async fn ready(&self) -> Result<()> {
        wait_for("the services", PATIENCE, async || match self.request(Method::GET, "/readyz").send().await {
            Ok(answer) if answer.status() == StatusCode::OK => Ok(()),
            Ok(answer) => Err(answer.text().await.unwrap_or_default()),
            Err(error) => Err(error.to_string()),
        })
        .await
    }
}

/// Status and JSON; an empty body is null.
pub async fn read(response: Response) -> Result<(StatusCode, Value)> {
    let status = response.status();
    let body = response.bytes().await?;
    let value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).context(status)? };
    Ok((status, value))
}

/// Asks a service to end that has not been asked yet.
fn end(service: &Mutex<Option<Running>>) -> Option<JoinHandle<()>> {
    let (lifecycle, ended) = service.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    lifecycle.shut_down();
    Some(ended)
}

fn spawn_projector(config: &projector::Config, health: Health, metrics: Metrics) -> Running {
    let lifecycle = Lifecycle::new();
    let outside = projector::Surroundings { health, metrics };
    let ended = spawn("projector", projector::run(config.clone(), outside, lifecycle.clone()));
    (lifecycle, ended)
}

fn spawn_ingest(nats: &TestNats, store_url: &str, health: Health, metrics: Metrics) -> Running {
    let lifecycle = Lifecycle::new();
    let config = ingest::Config {
        event_log: EventLogConfig::new(nats.url(), "ingest"),
        replicas: 1,
        store_url: store_url.to_owned(),
    };
    let outside = ingest::Surroundings { clock: Arc::new(SystemClock), ids: Arc::new(RandomIds), health, metrics };
    let ended = spawn("ingest", ingest::run(config, outside, lifecycle.clone()));
    (lifecycle, ended)
}

fn spawn<E: Display + Send + 'static>(
    service: &'static str,
    running: impl Future<Output = Result<(), E>> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = running.await {
            eprintln!("{service} failed: {error}");
        }
    })
}
