//! A log, read models and a projector of the test's own.

use crate::samples;
use anyhow::Result;
use contracts::Event;
use event_log::{Definitions, EventLog, EventLogConfig, ExpectedVersion, NewEvent};
use projector::{Config, Error, OnPoison, RebuildOptions, Report, Surroundings};
use read_models::{ReadModels, ReadModelsConfig};
use service_runtime::{Health, Lifecycle, Metrics};
use std::time::Duration;
use test_support::{TestNats, TestPostgres};
use tokio::task::JoinHandle;

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub nats: TestNats,
    pub postgres: TestPostgres,
    pub log: EventLog,
    pub models: ReadModels,
    config: Config,
}

/// A running projector.
pub struct Service {
    pub lifecycle: Lifecycle,
    pub health: Health,
    pub metrics: Metrics,
    ended: JoinHandle<Result<(), Error>>,
}

impl World {
    pub async fn start() -> Result<Self> {
        let (nats, postgres) = (TestNats::start().await?, TestPostgres::start().await?);
        let database = postgres.fresh_database().await?;
        let config = Config {
            event_log: EventLogConfig::new(nats.url(), "projector"),
            read_models: ReadModelsConfig::new(database.url(), "projector"),
            on_poison: OnPoison::Stop,
        };
        let log = EventLog::connect(EventLogConfig::new(nats.url(), "test")).await?;
        log.ensure(&Definitions::embedded()?).await?;
        let models = ReadModels::connect(&ReadModelsConfig::new(database.url(), "test")).await?;
        Ok(Self { nats, postgres, log, models, config })
    }

    /// Appends events behind what is there; the sequence of the last one.
    pub async fn append(&self, events: Vec<Event>) -> Result<u64> {
        let after = self.log.last_sequence().await?;
        let events = events.into_iter().zip(after + 1..).map(|(event, sequence)| {
            let envelope = samples::envelope(sequence, &event);
            NewEvent::new(&event, envelope)
        });
        self.log.append_many(&events.collect::<Result<Vec<_>, _>>()?).await?;
        Ok(self.log.last_sequence().await?)
    }

    /// Appends an event of a type that nobody knows.
    pub async fn append_unknown(&self) -> Result<u64> {
        let sequence = self.log.last_sequence().await? + 1;
        let event = samples::requested(samples::run(9), "x");
        let mut new = NewEvent::new(&event, samples::envelope(sequence, &event))?;
        new.envelope.kind = "patrol.run.vanished.v1".into();
        Ok(self.log.append(&new, &ExpectedVersion::Any).await?.sequence)
    }

    pub fn project(&self, on_poison: OnPoison) -> Service {
        let (lifecycle, health, metrics) = (Lifecycle::new(), Health::new(), Metrics::new("projector"));
        let surroundings = Surroundings { health: health.clone(), metrics: metrics.clone() };
        let config = Config { on_poison, ..self.config.clone() };
        let ended = tokio::spawn(projector::run(config, surroundings, lifecycle.clone()));
        Service { lifecycle, health, metrics, ended }
    }

    pub async fn check(&self, on_poison: OnPoison) -> Result<Report> {
        let options = RebuildOptions { check: true, on_poison };
        Ok(projector::rebuild(&self.models, &self.log, options, |_| {}).await?)
    }

    /// Waits until the read models contain `sequence`.
    pub async fn reach(&self, sequence: u64) -> Result<()> {
        let reached = self.models.wait_for_position(sequence, PATIENCE).await;
        anyhow::ensure!(reached, "position is {:?}, not {sequence}", self.models.position().await);
        Ok(())
    }
}

impl Service {
    pub async fn stop(self) -> Result<()> {
        self.lifecycle.shut_down();
        Ok(tokio::time::timeout(PATIENCE, self.ended).await???)
    }

    /// Waits until it ends by itself.
    pub async fn ended(self) -> Result<Result<(), Error>> {
        Ok(tokio::time::timeout(PATIENCE, self.ended).await??)
    }
}
