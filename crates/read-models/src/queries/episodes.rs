//! Training episodes of a run.

use super::page::{Order, Page, Paging};
use crate::connection::ReadModels;
use crate::error::Result;
use crate::projections::episodes::EpisodeRow;
use contracts::RunId;

impl ReadModels {
    /// A page of training episodes by their index.
    pub async fn episodes(&self, run: RunId, order: Order, paging: Paging) -> Result<Page<EpisodeRow>> {
        let total: i64 = sqlx::query_scalar("SELECT count(*) FROM episodes WHERE run_id = $1")
            .bind(run.0)
            .fetch_one(&self.pool)
            .await?;
        let statement = match order {
            Order::NewestFirst => {
                "SELECT * FROM episodes WHERE run_id = $1 ORDER BY episode_index DESC LIMIT $2 OFFSET $3"
            }
            Order::OldestFirst => "SELECT * FROM episodes WHERE run_id = $1 ORDER BY episode_index LIMIT $2 OFFSET $3",
        };
        let items = sqlx::query_as(statement)
            .bind(run.0)
            .bind(paging.limit())
            .bind(paging.offset())
            .fetch_all(&self.pool)
            .await?;
        Ok(Page::of(total, items))
    }
}
