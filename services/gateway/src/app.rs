//! What every handler shares.

use crate::archive::{Extents, PlaybackMetrics};
use crate::config::Config;
use crate::error::{Error, Result, StartError};
use crate::extract::RunKey;
use crate::interactive::Worlds;
use crate::live::Hub;
use crate::origins::Origins;
use event_log::EventLog;
use read_models::{ReadModels, RunRow};
use service_runtime::{Clock, Health, IdSource, Metrics};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use trajectories::ObjectStore;

/// Computing in a request must leave room for training.
const SIMULATIONS: usize = 2;
/// Each holds some 20 KiB.
const SOCKETS: u32 = 4096;
/// Each reads the log by itself; the server allows a thousand readers, and services need some.
const LOG_FOLLOWERS: usize = 256;

/// The connected gateway; clones share it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

pub struct Inner {
    pub log: EventLog,
    pub models: ReadModels,
    pub store: ObjectStore,
    pub extents: Extents,
    pub playback: PlaybackMetrics,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub health: Health,
    pub metrics: Metrics,
    pub hub: Hub,
    pub worlds: Worlds,
    pub origins: Origins,
    /// How often a watcher hears a ping.
    pub heartbeat: Duration,
    /// Requests that may simulate at once.
    pub simulations: Arc<Semaphore>,
    /// Clients that may watch at once.
    sockets: Arc<Semaphore>,
    /// Clients that may follow the log at once.
    log_followers: Arc<Semaphore>,
    /// Cancelled when streams to clients should end.
    pub draining: CancellationToken,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    pub async fn connect(
        config: &Config,
        surroundings: crate::Surroundings,
        draining: CancellationToken,
    ) -> Result<Self, StartError> {
        let crate::Surroundings { clock, ids, health, metrics } = surroundings;
        let store = ObjectStore::open(&config.store_url)?;
        let log = EventLog::connect(config.event_log.clone()).await?;
        let models = ReadModels::connect(&config.read_models).await?;
        Ok(Self(Arc::new(Inner {
            log,
            models,
            store,
            extents: Extents::default(),
            playback: PlaybackMetrics::new(&metrics),
            clock,
            ids,
            health,
            metrics,
            hub: Hub::default(),
            worlds: Worlds::default(),
            origins: Origins::new(config),
            heartbeat: config.limits.heartbeat,
            simulations: Arc::new(Semaphore::new(SIMULATIONS)),
            sockets: Arc::new(Semaphore::new(SOCKETS as usize)),
            log_followers: Arc::new(Semaphore::new(LOG_FOLLOWERS)),
            draining,
        })))
    }

    /// Room for one more client that watches.
    ///
    /// # Errors
    /// `TooMany` when there is none.
    pub fn socket(&self) -> Result<OwnedSemaphorePermit> {
        place(&self.sockets)
    }

    /// The same for one that follows the log.
    ///
    /// # Errors
    /// `TooMany` when there is none.
    pub fn log_follower(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        Ok((place(&self.log_followers)?, self.socket()?))
    }

    /// Waits until nobody watches any more.
    pub async fn all_sockets_closed(&self) {
        // The semaphore is never closed.
        let _ = self.sockets.acquire_many(SOCKETS).await;
    }

    /// The run that a path names.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it was deleted.
    pub async fn run(&self, key: RunKey) -> Result<RunRow> {
        let found = match key {
            RunKey::Number(number) => self.models.run_by_number(number).await?,
            RunKey::Id(id) => self.models.run(id).await?,
        };
        found.ok_or_else(|| Error::NotFound(format!("there is no training session {key}")))
    }
}

fn place(room: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let place = Arc::clone(room).try_acquire_owned();
    place.map_err(|_| Error::TooMany {
        message: "too many clients are watching; try again later".to_owned(),
        wait: Duration::ZERO,
    })
}
