//! Evaluations of a run and the scripted agents in its world.

use super::page::{Order, Page, Paging};
use crate::connection::ReadModels;
use crate::error::Result;
use crate::projections::baselines::BaselineRow;
use crate::projections::evaluations::EvaluationRow;
use contracts::{EvaluationId, RunId};

impl ReadModels {
    /// A page of a run's evaluations, newest first; their key is `id`.
    pub async fn evaluations(&self, run: RunId, paging: Paging) -> Result<Page<EvaluationRow>> {
        let total: i64 = sqlx::query_scalar("SELECT count(*) FROM evaluations WHERE run_id = $1")
            .bind(run.0)
            .fetch_one(&self.pool)
            .await?;
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        // Rows are compared as a whole for the reason that `run_metrics::page_statement` gives.
        let statement = "SELECT * FROM evaluations WHERE run_id >= $1 AND (run_id, id) < ($1, $2) \
                         ORDER BY run_id DESC, id DESC LIMIT $3 OFFSET $4";
        let items = sqlx::query_as(statement)
            .bind(run.0)
            .bind(paging.behind(Order::NewestFirst))
            .bind(paging.limit())
            .bind(paging.offset())
            .fetch_all(&self.pool)
            .await?;
        Ok(Page::of(total, items, paging, |evaluation: &EvaluationRow| evaluation.id))
    }

    /// Evaluations that failed, newest first, except those of deleted runs.
    pub async fn failed_evaluations(&self, most: u32) -> Result<Vec<EvaluationRow>> {
        let statement = "SELECT * FROM evaluations WHERE status = 'failed' AND run_id NOT IN \
                         (SELECT run_id FROM runs WHERE deleted_at IS NOT NULL) ORDER BY id DESC LIMIT $1";
        Ok(sqlx::query_as(statement).bind(i64::from(most)).fetch_all(&self.pool).await?)
    }

    pub async fn evaluation(&self, evaluation: EvaluationId) -> Result<Option<EvaluationRow>> {
        let found = sqlx::query_as("SELECT * FROM evaluations WHERE evaluation_id = $1").bind(evaluation.0);
        Ok(found.fetch_optional(&self.pool).await?)
    }

    /// The scripted agents in the world with this hash, best first.
    pub async fn baselines(&self, world_hash: &str) -> Result<Vec<BaselineRow>> {
        let found = sqlx::query_as("SELECT * FROM baselines WHERE world_hash = $1 ORDER BY mean_threat, agent")
            .bind(world_hash);
        Ok(found.fetch_all(&self.pool).await?)
    }

    /// The scripted agents in the worlds that a run's policy was evaluated in, whatever run they were computed for.
    pub async fn baselines_of_run(&self, run: RunId) -> Result<Vec<BaselineRow>> {
        let found = sqlx::query_as(
            "SELECT * FROM baselines WHERE run_id = $1 OR world_hash IN \
             (SELECT world_hash FROM evaluations WHERE run_id = $1) ORDER BY world_hash, mean_threat, agent",
        )
        .bind(run.0);
        Ok(found.fetch_all(&self.pool).await?)
    }
}
