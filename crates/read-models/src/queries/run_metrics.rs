//! Progress reports of a run.

use super::page::{Order, Page, Paging};
use crate::connection::ReadModels;
use crate::error::Result;
use crate::projections::run_metrics::RunMetricRow;
use contracts::RunId;

impl ReadModels {
    /// A page of progress reports; `since` leaves out those with this id and below.
    pub async fn run_metrics(
        &self,
        run: RunId,
        order: Order,
        since: Option<i64>,
        paging: Paging,
    ) -> Result<Page<RunMetricRow>> {
        let total: i64 = sqlx::query_scalar("SELECT count(*) FROM run_metrics WHERE run_id = $1 AND id > $2")
            .bind(run.0)
            .bind(since.unwrap_or(0))
            .fetch_one(&self.pool)
            .await?;
        let statement = match order {
            Order::NewestFirst => {
                "SELECT * FROM run_metrics WHERE run_id = $1 AND id > $2 ORDER BY id DESC LIMIT $3 OFFSET $4"
            }
            Order::OldestFirst => {
                "SELECT * FROM run_metrics WHERE run_id = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4"
            }
        };
        let items = sqlx::query_as(statement)
            .bind(run.0)
            .bind(since.unwrap_or(0))
            .bind(paging.limit())
            .bind(paging.offset())
            .fetch_all(&self.pool)
            .await?;
        Ok(Page::of(total, items))
    }

    /// The newest progress report of a run.
    pub async fn latest_metric(&self, run: RunId) -> Result<Option<RunMetricRow>> {
        let metric = sqlx::query_as("SELECT * FROM run_metrics WHERE run_id = $1 ORDER BY id DESC LIMIT 1").bind(run.0);
        Ok(metric.fetch_optional(&self.pool).await?)
    }
}
