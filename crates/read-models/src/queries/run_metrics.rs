//! Progress reports of a run.

use super::page::{Order, Page, Paging};
use crate::connection::ReadModels;
use crate::error::Result;
use crate::projections::run_metrics::RunMetricRow;
use contracts::RunId;

impl ReadModels {
    /// A page of progress reports; `since` leaves out those with this id and below. Their key is `id`.
    pub async fn run_metrics(
        &self,
        run: RunId,
        order: Order,
        since: Option<i64>,
        paging: Paging,
    ) -> Result<Page<RunMetricRow>> {
        let total = self.count_metrics(run, since).await?;
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        let (above, below) = paging.window(order);
        let window = (above.max(since.unwrap_or(i64::MIN)), below);
        let items = self.reports_between(run, order, window, paging).await?;
        Ok(Page::of(total, items, paging, |metric: &RunMetricRow| metric.id))
    }

    /// What is new is counted, the whole list was.
    async fn count_metrics(&self, run: RunId, since: Option<i64>) -> Result<i64> {
        let Some(since) = since else {
            let counted = sqlx::query_scalar("SELECT metrics FROM run_counts WHERE run_id = $1").bind(run.0);
            return Ok(counted.fetch_optional(&self.pool).await?.unwrap_or(0));
        };
        let newer = sqlx::query_scalar("SELECT count(*) FROM run_metrics WHERE run_id = $1 AND id > $2");
        Ok(newer.bind(run.0).bind(since).fetch_one(&self.pool).await?)
    }

    /// The newest progress report of a run.
    pub async fn latest_metric(&self, run: RunId) -> Result<Option<RunMetricRow>> {
        let (order, paging) = (Order::NewestFirst, Paging::new(1, 1));
        Ok(self.reports_between(run, order, paging.window(order), paging).await?.into_iter().next())
    }

    async fn reports_between(
        &self,
        run: RunId,
        order: Order,
        (above, below): (i64, i64),
        paging: Paging,
    ) -> Result<Vec<RunMetricRow>> {
        let reports = sqlx::query_as(page_statement(order))
            .bind(run.0)
            .bind(above)
            .bind(below)
            .bind(paging.limit())
            .bind(paging.offset());
        Ok(reports.fetch_all(&self.pool).await?)
    }
}

/// Binds the run, the ids between which the reports lie, limit and offset.
///
/// Rows are compared as a whole, so that only the index by run and id gives their order: with `run_id = $1` Postgres may
/// rather walk over every run's reports in the order of ids, expecting to meet this run's soon.
pub(super) fn page_statement(order: Order) -> &'static str {
    match order {
        Order::NewestFirst => {
            "SELECT * FROM run_metrics WHERE (run_id, id) > ($1, $2) AND (run_id, id) < ($1, $3) \
             ORDER BY run_id DESC, id DESC LIMIT $4 OFFSET $5"
        }
        Order::OldestFirst => {
            "SELECT * FROM run_metrics WHERE (run_id, id) > ($1, $2) AND (run_id, id) < ($1, $3) \
             ORDER BY run_id, id LIMIT $4 OFFSET $5"
        }
    }
}
