//! The projector service: follows the event log in order and keeps the read models up to date.
//!
//! A batch is whatever is ready, at most 5,000 events; its rows and the position behind it are one transaction. At every
//! start, and whenever Postgres or the log was set back, the stored position is compared with the log: when they do not
//! share their past, the read models are built again from sequence 1. An event that cannot be understood stops the service
//! unless it was told to skip such events, which then stand in `dead_letters`.

mod batches;
mod config;
mod error;
mod follow;
mod history;
mod metrics;
mod rebuild;
mod write;

pub use batches::MAX_BATCH;
pub use config::{Config, OnPoison};
pub use error::Error;
pub use rebuild::{Progress, RebuildOptions, Report, TableComparison, rebuild};

use error::{Result, chain};
use event_log::EventLog;
use history::Start;
use metrics::ProjectorMetrics;
use read_models::ReadModels;
use service_runtime::{Health, Lifecycle, Metrics};
use std::time::Duration;

/// What the service needs from outside. Time comes from the events alone.
#[derive(Clone)]
pub struct Surroundings {
    pub health: Health,
    pub metrics: Metrics,
}

const COMPONENT: &str = "projector";
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

struct Projector {
    config: Config,
    health: Health,
    metrics: ProjectorMetrics,
    /// Failures since the last batch that was written.
    failures: u32,
}

/// Projects until the lifecycle drains; outages of NATS and Postgres are waited out.
///
/// # Errors
/// `Poison` and `Unfit` for an event that cannot be projected, and failures that no waiting ends: refused permissions,
/// wrong addresses, a database that was migrated by a newer version.
pub async fn run(config: Config, surroundings: Surroundings, lifecycle: Lifecycle) -> Result<()> {
    let metrics = ProjectorMetrics::new(&surroundings.metrics);
    let mut projector = Projector { config, health: surroundings.health, metrics, failures: 0 };
    projector.health.expect(COMPONENT);
    // A transaction that is dropped on the way was never committed.
    tokio::select! {
        ended = projector.run() => ended,
        () = lifecycle.draining().cancelled_owned() => Ok(()),
    }
}

impl Projector {
    async fn run(&mut self) -> Result<()> {
        let log = loop {
            match EventLog::connect(self.config.event_log.clone()).await {
                Ok(log) => break log,
                Err(error) => self.wait_or_fail(error.into()).await?,
            }
        };
        let models = loop {
            match connect(&self.config).await {
                Ok(models) => break models,
                Err(error) => self.wait_or_fail(error).await?,
            }
        };
        loop {
            let Err(error) = self.session(&log, &models).await;
            self.wait_or_fail(error).await?;
        }
    }

    /// From a verified position on, until something fails.
    async fn session(&mut self, log: &EventLog, models: &ReadModels) -> Result<std::convert::Infallible> {
        let (identity, start) = history::verify(log, models.position().await?.as_ref()).await?;
        let after = match start {
            Start::Behind(after) => after,
            Start::Rebuild(reason) => {
                tracing::error!("the read models do not fit the log ({reason}); building them again from the log");
                self.metrics.rebuilds.inc();
                self.health.unready(COMPONENT, "building the read models again from the log");
                let options = RebuildOptions { check: false, on_poison: self.config.on_poison };
                let report = rebuild(models, log, options, |_| {}).await?;
                tracing::warn!(events = report.events, duration_s = report.seconds, "the read models were built again");
                report.events
            }
        };
        self.health.ready(COMPONENT, format!("following the log from sequence {after}"));
        self.follow(log, models, identity, after).await
    }

    /// Waits before the next attempt, longer each time, unless waiting cannot help.
    async fn wait_or_fail(&mut self, error: Error) -> Result<()> {
        self.health.unready(COMPONENT, error.to_string());
        if !error.is_retryable() {
            return Err(error);
        }
        let delay = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(LONGEST_DELAY);
        self.failures += 1;
        tracing::warn!(delay_ms = delay.as_millis() as u64, "projecting again after a failure: {}", chain(&error));
        tokio::time::sleep(delay).await;
        Ok(())
    }
}

async fn connect(config: &Config) -> Result<ReadModels> {
    let models = ReadModels::connect(&config.read_models).await?;
    models.migrate().await?;
    Ok(models)
}
