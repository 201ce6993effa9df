//! Connecting and migrating.

use crate::error::{Error, Result};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, watch};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Statements above this time are worth a line in the log.
const SLOW: Duration = Duration::from_secs(5);

/// A connection that was used this short a time ago is taken as it is: asking first would double the round trips.
const FRESH: Duration = Duration::from_secs(1);

/// How to reach the read models.
#[derive(Clone)]
pub struct ReadModelsConfig {
    /// `postgres://user:password@host:port/database`
    pub url: String,
    /// Name of this service, shown by Postgres.
    pub name: String,
    /// Connections at most; one of them is used by [`ReadModels::wait_for_position`].
    pub max_connections: u32,
    /// How long a call waits for a connection, also while Postgres is not there.
    pub acquire_within: Duration,
}

impl ReadModelsConfig {
    /// Defaults: 8 connections, 10 s for each.
    pub fn new(url: impl Into<String>, name: impl Into<String>) -> Self {
        Self { url: url.into(), name: name.into(), max_connections: 8, acquire_within: Duration::from_secs(10) }
    }
}

/// Without the address, which holds a password.
impl fmt::Debug for ReadModelsConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReadModelsConfig").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The read models: a pool of connections. Cheap to clone; reconnects by itself.
#[derive(Clone, Debug)]
pub struct ReadModels {
    pub(crate) pool: PgPool,
    /// Whether batches wake those who wait for a position: not in a scratch schema.
    pub(crate) notifies: bool,
    pub(crate) watched_position: Arc<OnceCell<watch::Receiver<u64>>>,
}

impl ReadModels {
    /// Connects; tries again for [`ReadModelsConfig::acquire_within`] while no server answers.
    ///
    /// # Errors
    /// `Address`, `Unreachable`.
    pub async fn connect(config: &ReadModelsConfig) -> Result<Self> {
        let options: PgConnectOptions = config.url.parse().map_err(Error::Address)?;
        let options = options
            .application_name(&format!("patrol-{}", config.name))
            .log_statements(tracing::log::LevelFilter::Trace)
            .log_slow_statements(tracing::log::LevelFilter::Warn, SLOW);
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections.max(2))
            .acquire_timeout(config.acquire_within)
            .test_before_acquire(false)
            .before_acquire(|connection, metadata| {
                Box::pin(async move {
                    if metadata.idle_for > FRESH {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(Error::Unreachable)?;
        Ok(Self::over(pool, true))
    }

    /// Brings the tables to this version; several services may try at once.
    ///
    /// # Errors
    /// `Migration` when the database was migrated by a newer version or a migration was edited.
    pub async fn migrate(&self) -> Result<()> {
        MIGRATOR.run(&self.pool).await.map_err(Error::Migration)
    }

    /// Takes back every migration after `version`; 0 takes back all.
    pub async fn migrate_down_to(&self, version: i64) -> Result<()> {
        MIGRATOR.undo(&self.pool, version).await.map_err(Error::Migration)
    }

    /// Whether Postgres answers.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes every connection; calls fail afterwards.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) fn over(pool: PgPool, notifies: bool) -> Self {
        Self { pool, notifies, watched_position: Arc::default() }
    }
}
