//! The ingest service: the write side. Every command becomes exactly one outcome in the event log, every trajectory
//! segment a part of exactly one Parquet file.
//!
//! Several instances may run: they compete for commands, and appends that expect what was decided upon keep them from
//! contradicting each other. A command is acknowledged after its outcome was appended, so whatever dies in between, it
//! is delivered again, finds its own outcome or decides anew.

pub mod archive;
mod commands;
mod config;
mod dead_letters;
mod error;
mod handlers;
mod history;
mod intake;
mod metrics;
mod outcome;
mod rejections;

pub use config::Config;
pub use error::Error;

use error::Result;
use event_log::{Definitions, EventLog};
use service_runtime::{Background, Clock, Health, IdSource, Lifecycle, Metrics};
use std::sync::Arc;
use tokio::task::JoinSet;
use tracing::Instrument;
use trajectories::ObjectStore;

/// What the service needs from outside: time, ids, health and metrics.
#[derive(Clone)]
pub struct Surroundings {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub health: Health,
    pub metrics: Metrics,
}

/// A connected ingest, shared by its tasks.
#[derive(Clone)]
pub(crate) struct Context {
    pub log: EventLog,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub health: Health,
    pub metrics: Metrics,
}

/// Decides commands and archives trajectories until the lifecycle drains; what was pulled by then is finished.
///
/// # Errors
/// When the log or the object store cannot be reached at the start, refuses this service, or the log differs from its
/// definition.
pub async fn run(config: Config, surroundings: Surroundings, lifecycle: Lifecycle) -> Result<()> {
    let Surroundings { clock, ids, health, metrics } = surroundings;
    health.expect("ingest");
    let log = EventLog::connect(config.event_log.clone()).await?;
    log.ensure(&Definitions::embedded()?.with_replicas(config.replicas)).await?;
    let store = ObjectStore::open(&config.store_url).map_err(archive::Error::from)?;
    let metrics = metrics.of_service("ingest");
    // Commands are waited for, files are not: the archive has threads and connections of its own, behind everything else.
    let background = Background::start("archive").map_err(Error::Threads)?;
    let archive_log = background.spawn(EventLog::connect(config.event_log)).await??;
    let archive = archive::Context::new(archive_log, store, clock.clone(), archive::Limits::default(), &metrics);
    let context = Context { log, clock, ids, health, metrics };

    let mut tasks = JoinSet::new();
    tasks.spawn(commands::run(context.clone(), lifecycle.clone()).in_current_span());
    tasks.spawn(dead_letters::run(context.clone(), lifecycle.clone()).in_current_span());
    let archiving = async move { Ok(archive::run(archive, lifecycle).await?) };
    tasks.spawn_on(archiving.in_current_span(), background.handle());
    // The first failure ends the service; dropping the set ends the other tasks.
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(context.log.flush().await?)
}
