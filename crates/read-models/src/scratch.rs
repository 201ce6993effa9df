//! A scratch schema: empty tables beside the live ones, for rebuilding them from the log.

use crate::connection::ReadModels;
use crate::error::{Error, Result};
use crate::fingerprint::TABLES;
use crate::position;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

const SCHEMA: &str = "patrol_rebuild";

/// Empty read models of their own, made by the same migrations and written by the same projections.
///
/// One per database at a time. [`Scratch::discard`] removes the schema; one that a killed process left behind is removed
/// by the next.
pub struct Scratch {
    pub models: ReadModels,
    live: ReadModels,
    /// Holds the lock against other rebuilds for as long as it is connected.
    guard: PgConnection,
}

impl ReadModels {
    /// Makes an empty scratch schema in the same database.
    ///
    /// # Errors
    /// `RebuildRunning` when another process has one.
    pub async fn scratch(&self) -> Result<Scratch> {
        let options: PgConnectOptions = (*self.pool.connect_options()).clone();
        let mut guard = options.clone().connect().await?;
        let locked: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtext('patrol_rebuild'))").fetch_one(&mut guard).await?;
        if !locked {
            return Err(Error::RebuildRunning);
        }
        for statement in [format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"), format!("CREATE SCHEMA {SCHEMA}")] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut guard).await?;
        }
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(self.pool.options().get_acquire_timeout())
            .connect_with(options.options([("search_path", SCHEMA)]))
            .await?;
        let models = ReadModels::over(pool, false);
        models.migrate().await?;
        Ok(Scratch { models, live: self.clone(), guard })
    }
}

impl Scratch {
    /// Replaces the live rows and their position by the scratch ones, in one transaction, then removes the schema.
    pub async fn promote(self) -> Result<()> {
        let mut transaction = self.live.pool.begin().await?;
        position::lock(&mut transaction).await?;
        for table in TABLES.into_iter().chain(["projection_positions"]) {
            // Readers see the old rows until the commit, and the new ones after it.
            for statement in
                [format!("DELETE FROM {table}"), format!("INSERT INTO {table} SELECT * FROM {SCHEMA}.{table}")]
            {
                sqlx::query(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
            }
        }
        let position = position::load(&mut transaction).await?;
        position::notify(&mut transaction, position.map_or(0, |position| position.sequence)).await?;
        transaction.commit().await?;
        self.discard().await
    }

    /// Removes the schema.
    pub async fn discard(mut self) -> Result<()> {
        self.models.close().await;
        sqlx::query(AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))).execute(&mut self.guard).await?;
        Ok(self.guard.close().await?)
    }
}
