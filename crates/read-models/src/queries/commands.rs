//! What became of commands, and what was set aside.

use super::page::{Order, Page, Paging};
use crate::connection::ReadModels;
use crate::error::Result;
use crate::projections::command_outcomes::CommandOutcomeRow;
use crate::projections::dead_letters::DeadLetterRow;
use crate::projections::rejected_commands::RejectedCommandRow;
use contracts::CommandId;

impl ReadModels {
    /// Every event that a command directly caused, in order; none when it was not processed yet.
    pub async fn command_outcomes(&self, command: CommandId) -> Result<Vec<CommandOutcomeRow>> {
        let found = sqlx::query_as("SELECT * FROM command_outcomes WHERE command_id = $1 ORDER BY id LIMIT 1000")
            .bind(command.0);
        Ok(found.fetch_all(&self.pool).await?)
    }

    /// Why a command had no effect, if it was rejected.
    pub async fn rejection(&self, command: CommandId) -> Result<Option<RejectedCommandRow>> {
        let found =
            sqlx::query_as("SELECT * FROM rejected_commands WHERE command_id = $1 ORDER BY id LIMIT 1").bind(command.0);
        Ok(found.fetch_optional(&self.pool).await?)
    }

    /// A page of rejected commands, newest first; their key is `id`.
    pub async fn rejected_commands(&self, paging: Paging) -> Result<Page<RejectedCommandRow>> {
        let total: i64 = sqlx::query_scalar("SELECT count(*) FROM rejected_commands").fetch_one(&self.pool).await?;
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        let items = sqlx::query_as("SELECT * FROM rejected_commands WHERE id < $1 ORDER BY id DESC LIMIT $2 OFFSET $3")
            .bind(paging.behind(Order::NewestFirst))
            .bind(paging.limit())
            .bind(paging.offset())
            .fetch_all(&self.pool)
            .await?;
        Ok(Page::of(total, items, paging, |row: &RejectedCommandRow| row.id))
    }

    /// A page of dead letters, newest first; their key is `id`.
    pub async fn dead_letters(&self, paging: Paging) -> Result<Page<DeadLetterRow>> {
        let total: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_letters").fetch_one(&self.pool).await?;
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        let items = sqlx::query_as("SELECT * FROM dead_letters WHERE id < $1 ORDER BY id DESC LIMIT $2 OFFSET $3")
            .bind(paging.behind(Order::NewestFirst))
            .bind(paging.limit())
            .bind(paging.offset())
            .fetch_all(&self.pool)
            .await?;
        Ok(Page::of(total, items, paging, |row: &DeadLetterRow| row.id))
    }
}
