//! Runs that were not deleted, by number, by id, and filtered.

use super::page::{Order, Page, Paging};
use crate::connection::ReadModels;
use crate::error::Result;
use crate::projections::runs::RunRow;
use contracts::RunId;

/// Which runs to list; all when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    pub status: Option<String>,
    pub algorithm: Option<String>,
    /// Part of the name, whatever its case.
    pub name_contains: Option<String>,
}

impl ReadModels {
    /// A page of runs, newest first; their key is `id`.
    pub async fn runs(&self, filter: &RunFilter, paging: Paging) -> Result<Page<RunRow>> {
        let pattern = filter.name_contains.as_deref().map(contains_pattern);
        let total: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM runs WHERE deleted_at IS NULL AND ($1::text IS NULL OR status = $1) \
             AND ($2::text IS NULL OR algorithm = $2) AND ($3::text IS NULL OR name ILIKE $3)",
        )
        .bind(&filter.status)
        .bind(&filter.algorithm)
        .bind(&pattern)
        .fetch_one(&self.pool)
        .await?;
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        let items = sqlx::query_as(
            "SELECT * FROM runs WHERE deleted_at IS NULL AND ($1::text IS NULL OR status = $1) \
             AND ($2::text IS NULL OR algorithm = $2) AND ($3::text IS NULL OR name ILIKE $3) \
             AND id < $4 ORDER BY id DESC LIMIT $5 OFFSET $6",
        )
        .bind(&filter.status)
        .bind(&filter.algorithm)
        .bind(&pattern)
        .bind(paging.behind(Order::NewestFirst))
        .bind(paging.limit())
        .bind(paging.offset())
        .fetch_all(&self.pool)
        .await?;
        Ok(Page::of(total, items, paging, |run: &RunRow| run.id))
    }

    /// The run with this number, unless it was deleted.
    pub async fn run_by_number(&self, id: i64) -> Result<Option<RunRow>> {
        let run = sqlx::query_as("SELECT * FROM runs WHERE id = $1 AND deleted_at IS NULL").bind(id);
        Ok(run.fetch_optional(&self.pool).await?)
    }

    /// The run with this id, unless it was deleted.
    pub async fn run(&self, run: RunId) -> Result<Option<RunRow>> {
        let run = sqlx::query_as("SELECT * FROM runs WHERE run_id = $1 AND deleted_at IS NULL").bind(run.0);
        Ok(run.fetch_optional(&self.pool).await?)
    }

    /// Runs by status, deleted ones left out.
    pub async fn run_counts(&self) -> Result<Vec<(String, u64)>> {
        let counts: Vec<(String, i64)> = sqlx::query_as(
            "SELECT status, count(*) FROM runs WHERE deleted_at IS NULL GROUP BY status ORDER BY status",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(counts.into_iter().map(|(status, count)| (status, u64::try_from(count).unwrap_or(0))).collect())
    }
}

/// An `ILIKE` pattern that takes `text` literally.
fn contains_pattern(text: &str) -> String {
    let text = text.replace('\0', "").replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{text}%")
}

#[cfg(test)]
mod tests {
    #[test]
    fn wildcards_of_a_client_are_literal() {
        assert_eq!(super::contains_pattern("50%_a\\"), "%50\\%\\_a\\\\%");
    }
}
