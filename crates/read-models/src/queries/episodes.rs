//! Training episodes of a run.

use super::page::{Order, Page, Paging};
use crate::connection::ReadModels;
use crate::error::Result;
use crate::projections::episodes::EpisodeRow;
use contracts::RunId;

impl ReadModels {
    /// A page of training episodes by their index, which is their key.
    pub async fn episodes(&self, run: RunId, order: Order, paging: Paging) -> Result<Page<EpisodeRow>> {
        let counted = sqlx::query_scalar("SELECT episodes FROM run_counts WHERE run_id = $1").bind(run.0);
        let total: i64 = counted.fetch_optional(&self.pool).await?.unwrap_or(0);
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        let items = sqlx::query_as(page_statement(order))
            .bind(run.0)
            .bind(paging.behind(order))
            .bind(paging.limit())
            .bind(paging.offset())
            .fetch_all(&self.pool)
            .await?;
        Ok(Page::of(total, items, paging, |episode: &EpisodeRow| episode.episode_index))
    }
}

/// Binds the run, the key before the page, limit and offset.
pub(super) fn page_statement(order: Order) -> &'static str {
    match order {
        Order::NewestFirst => {
            "SELECT * FROM episodes WHERE run_id = $1 AND episode_index < $2 ORDER BY episode_index DESC LIMIT $3 OFFSET $4"
        }
        Order::OldestFirst => {
            "SELECT * FROM episodes WHERE run_id = $1 AND episode_index > $2 ORDER BY episode_index LIMIT $3 OFFSET $4"
        }
    }
}
