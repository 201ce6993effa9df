//! Checkpoints of a run, by id and by digest.

use super::page::{Order, Page, Paging};
use crate::connection::ReadModels;
use crate::error::Result;
use crate::projections::checkpoints::CheckpointRow;
use contracts::{CheckpointId, RunId};

impl ReadModels {
    /// A page of a run's checkpoints, newest first; their key is `updates`.
    pub async fn checkpoints(&self, run: RunId, paging: Paging) -> Result<Page<CheckpointRow>> {
        let total: i64 = sqlx::query_scalar("SELECT count(*) FROM checkpoints WHERE run_id = $1")
            .bind(run.0)
            .fetch_one(&self.pool)
            .await?;
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        let statement =
            "SELECT * FROM checkpoints WHERE run_id = $1 AND updates < $2 ORDER BY updates DESC LIMIT $3 OFFSET $4";
        let items = sqlx::query_as(statement)
            .bind(run.0)
            .bind(paging.behind(Order::NewestFirst))
            .bind(paging.limit())
            .bind(paging.offset())
            .fetch_all(&self.pool)
            .await?;
        Ok(Page::of(total, items, paging, |checkpoint: &CheckpointRow| checkpoint.updates))
    }

    pub async fn checkpoint(&self, checkpoint: CheckpointId) -> Result<Option<CheckpointRow>> {
        let found = sqlx::query_as("SELECT * FROM checkpoints WHERE checkpoint_id = $1").bind(checkpoint.0);
        Ok(found.fetch_optional(&self.pool).await?)
    }

    /// Checkpoints with this digest, oldest first: equal digests are equal bits, whatever run made them.
    pub async fn checkpoints_by_digest(&self, digest: &str) -> Result<Vec<CheckpointRow>> {
        let found = sqlx::query_as("SELECT * FROM checkpoints WHERE digest = $1 ORDER BY id LIMIT 1000").bind(digest);
        Ok(found.fetch_all(&self.pool).await?)
    }
}
