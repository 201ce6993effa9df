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
/// Their tables are unlogged and have no indexes but those of their keys: they never outlive their rebuild, and a crash of
/// Postgres, which empties them together with their position, ends it.
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
        lighten(&mut guard).await?;
        Ok(Scratch { models, live: self.clone(), guard })
    }
}

/// Takes from the new tables what only the live ones need: the write-ahead log, and indexes for readers.
async fn lighten(connection: &mut PgConnection) -> Result<()> {
    let reader_indexes: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid \
         JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND NOT i.indisunique",
    )
    .bind(SCHEMA)
    .fetch_all(&mut *connection)
    .await?;
    let drops = reader_indexes.into_iter().map(|index| format!("DROP INDEX {index}"));
    let unlogged = all_tables().map(|table| format!("ALTER TABLE {SCHEMA}.{table} SET UNLOGGED"));
    for statement in drops.chain(unlogged) {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}

fn all_tables() -> impl Iterator<Item = &'static str> {
    TABLES.into_iter().chain(["projection_positions"])
}

impl Scratch {
    /// Replaces the live rows and their position by the scratch ones, in one transaction, then removes the schema.
    ///
    /// # Errors
    /// `WentBack` when the scratch tables do not reach up to `sequence`: Postgres crashed after they were written.
    pub async fn promote(self, sequence: u64) -> Result<()> {
        let mut transaction = self.live.pool.begin().await?;
        position::lock(&mut transaction).await?;
        for table in all_tables() {
            // Readers see the old rows until the commit, and the new ones after it.
            for statement in
                [format!("DELETE FROM {table}"), format!("INSERT INTO {table} SELECT * FROM {SCHEMA}.{table}")]
            {
                sqlx::query(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
            }
        }
        let found = position::load(&mut transaction).await?.map_or(0, |position| position.sequence);
        if found != sequence {
            return Err(Error::WentBack { expected: sequence, found });
        }
        position::notify(&mut transaction, found).await?;
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
