//! What of a run lies in the archive and can be played back.

use super::page::{Order, Page, Paging};
use crate::connection::ReadModels;
use crate::error::Result;
use crate::projections::runs::RunRow;
use crate::projections::trajectory_files::TrajectoryFileRow;
use chrono::{DateTime, Utc};
use contracts::RunId;
use contracts::events::{Split, Table};
use serde::Serialize;
use sqlx::FromRow;

/// A run with archived steps.
#[derive(Clone, Debug, PartialEq, Serialize, FromRow)]
pub struct PlaybackSession {
    #[sqlx(flatten)]
    pub run: RunRow,
    /// Rows of the archive's `steps` table: one per robot and step.
    pub step_rows: i64,
    pub first_episode: Option<i64>,
    pub last_episode: Option<i64>,
    /// Of the file that was written last.
    pub last_step: Option<i32>,
    pub first_recorded_at: DateTime<Utc>,
    pub last_recorded_at: DateTime<Utc>,
}

impl ReadModels {
    /// A page of runs with archived steps, newest first; their key is the run's number.
    pub async fn playback_sessions(&self, paging: Paging) -> Result<Page<PlaybackSession>> {
        let total: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM runs r WHERE r.deleted_at IS NULL AND EXISTS \
             (SELECT 1 FROM trajectory_files f WHERE f.run_id = r.run_id AND f.table_name = 'steps')",
        )
        .fetch_one(&self.pool)
        .await?;
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        let items = sqlx::query_as(
            "SELECT r.*, f.* FROM runs r CROSS JOIN LATERAL (SELECT sum(rows)::bigint AS step_rows, \
             min(first_episode) AS first_episode, max(last_episode) AS last_episode, \
             (array_agg(last_step ORDER BY id DESC))[1] AS last_step, min(written_at) AS first_recorded_at, \
             max(written_at) AS last_recorded_at FROM trajectory_files \
             WHERE run_id = r.run_id AND table_name = 'steps' HAVING count(*) > 0) f \
             WHERE r.deleted_at IS NULL AND r.id < $1 ORDER BY r.id DESC LIMIT $2 OFFSET $3",
        )
        .bind(paging.behind(Order::NewestFirst))
        .bind(paging.limit())
        .bind(paging.offset())
        .fetch_all(&self.pool)
        .await?;
        Ok(Page::of(total, items, paging, |session: &PlaybackSession| session.run.id))
    }

    /// The files of one table and split of a run, in the order of their episodes; with `episode`, those that may hold it.
    pub async fn trajectory_files(
        &self,
        run: RunId,
        split: Split,
        table: Table,
        episode: Option<i64>,
    ) -> Result<Vec<TrajectoryFileRow>> {
        let files = sqlx::query_as(
            "SELECT * FROM trajectory_files WHERE run_id = $1 AND split = $2 AND table_name = $3 \
             AND ($4::bigint IS NULL OR first_episode IS NULL OR $4 BETWEEN first_episode AND last_episode) \
             ORDER BY first_episode NULLS FIRST, first_segment, id",
        )
        .bind(run.0)
        .bind(split.token())
        .bind(table.token())
        .bind(episode);
        Ok(files.fetch_all(&self.pool).await?)
    }

    /// A page of all archived files of a run, newest first; of every run without one.
    pub async fn archived_files(&self, run: Option<RunId>, paging: Paging) -> Result<Page<TrajectoryFileRow>> {
        let run = run.map(|run| run.0);
        let total: i64 =
            sqlx::query_scalar("SELECT count(*) FROM trajectory_files WHERE $1::uuid IS NULL OR run_id = $1")
                .bind(run)
                .fetch_one(&self.pool)
                .await?;
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        let items = sqlx::query_as(
            "SELECT * FROM trajectory_files WHERE ($1::uuid IS NULL OR run_id = $1) AND id < $2 \
             ORDER BY id DESC LIMIT $3 OFFSET $4",
        )
        .bind(run)
        .bind(paging.behind(Order::NewestFirst))
        .bind(paging.limit())
        .bind(paging.offset())
        .fetch_all(&self.pool)
        .await?;
        Ok(Page::of(total, items, paging, |file: &TrajectoryFileRow| file.id))
    }

    /// Files, rows and bytes in the archive; of one run or of all.
    pub async fn archive_totals(&self, run: Option<RunId>) -> Result<ArchiveTotals> {
        let totals = sqlx::query_as(
            "SELECT count(*) AS files, coalesce(sum(rows), 0)::bigint AS rows, coalesce(sum(bytes), 0)::bigint AS bytes \
             FROM trajectory_files WHERE $1::uuid IS NULL OR run_id = $1",
        )
        .bind(run.map(|run| run.0));
        Ok(totals.fetch_one(&self.pool).await?)
    }
}

/// How much lies in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, FromRow)]
pub struct ArchiveTotals {
    pub files: i64,
    pub rows: i64,
    pub bytes: i64,
}
