//! What a table contains, in one line: two tables with the same fingerprint hold the same rows.

use crate::connection::ReadModels;
use crate::error::Result;
use crate::position::{self, Position};
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

/// Every read model.
pub const TABLES: [&str; 12] = [
    "runs",
    "run_metrics",
    "episodes",
    "run_counts",
    "checkpoints",
    "evaluations",
    "baselines",
    "trajectory_files",
    "models",
    "command_outcomes",
    "rejected_commands",
    "dead_letters",
];

/// Rows of a table and a hash over all their columns, independent of their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableFingerprint {
    pub table: &'static str,
    pub rows: u64,
    /// SHA-256, lower-case hexadecimal, over the sums of two 64-bit hashes of every row.
    pub hash: String,
}

/// The tables as they are at one position, whatever is written meanwhile.
pub struct Snapshot {
    transaction: Transaction<'static, Postgres>,
    /// `None` before the first batch.
    pub position: Option<Position>,
}

impl ReadModels {
    /// Freezes a view of all tables.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let mut transaction = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let position = position::load(&mut transaction).await?;
        Ok(Snapshot { transaction, position })
    }

    /// Rows per table.
    pub async fn row_counts(&self) -> Result<Vec<(&'static str, u64)>> {
        let mut snapshot = self.snapshot().await?;
        let mut counts = Vec::with_capacity(TABLES.len());
        for table in TABLES {
            let statement = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let rows: i64 = sqlx::query_scalar(statement).fetch_one(&mut *snapshot.transaction).await?;
            counts.push((table, u64::try_from(rows).unwrap_or(0)));
        }
        Ok(counts)
    }
}

impl Snapshot {
    /// The fingerprint of every table, in the order of [`TABLES`]; reads every row.
    pub async fn fingerprints(mut self) -> Result<Vec<TableFingerprint>> {
        let mut fingerprints = Vec::with_capacity(TABLES.len());
        for table in TABLES {
            fingerprints.push(fingerprint(&mut self.transaction, table).await?);
        }
        Ok(fingerprints)
    }
}

async fn fingerprint(connection: &mut PgConnection, table: &'static str) -> sqlx::Result<TableFingerprint> {
    let statement = format!(
        "SELECT count(*), encode(sha256(convert_to(concat_ws(':', count(*), sum(hashtextextended(t::text, 0)::numeric), \
         sum(hashtextextended(t::text, 1)::numeric)), 'UTF8')), 'hex') FROM {table} AS t"
    );
    let (rows, hash): (i64, String) = sqlx::query_as(AssertSqlSafe(statement)).fetch_one(connection).await?;
    Ok(TableFingerprint { table, rows: u64::try_from(rows).unwrap_or(0), hash })
}
