//! Model files: checkpoints' policies and uploads, in one list.

use super::page::{Order, Page, Paging};
use crate::connection::ReadModels;
use crate::error::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

/// A model file, wherever it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, FromRow)]
pub struct File {
    /// Stream sequence: the file's number for people.
    pub id: i64,
    /// Checkpoint id or file id.
    pub file_id: Uuid,
    #[sqlx(try_from = "String")]
    pub kind: FileKind,
    /// The run's number, when it belongs to one.
    pub run_number: Option<i64>,
    pub run_id: Option<Uuid>,
    pub original_filename: String,
    /// Key below the object store's root.
    pub uri: String,
    pub sha256: String,
    pub bytes: i64,
    pub description: Option<String>,
    pub metadata: Option<Value>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    Checkpoint,
    Upload,
}

impl TryFrom<String> for FileKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "checkpoint" => Ok(Self::Checkpoint),
            "upload" => Ok(Self::Upload),
            _ => Err(format!("`{text}` is no kind of file")),
        }
    }
}

/// `$what` of all files, `$each` being said of those of either kind, `f` of run `r`, and `$rest` of all. Checkpoints of
/// deleted runs are hidden with them.
macro_rules! files {
    ($what:literal, $each:expr, $rest:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM ((SELECT f.id, f.checkpoint_id AS file_id, 'checkpoint' AS kind, r.id AS run_number, f.run_id, ",
            "'checkpoint-' || f.updates || '.safetensors' AS original_filename, f.policy_uri AS uri, ",
            "f.policy_sha256 AS sha256, f.policy_bytes AS bytes, r.name AS description, ",
            "jsonb_build_object('timestep', f.timestep, 'digest', f.digest, 'mean_threat', f.mean_threat) AS metadata, ",
            "f.created_at, f.created_at AS updated_at FROM checkpoints f JOIN runs r USING (run_id) ",
            "WHERE r.deleted_at IS NULL AND ",
            $each,
            ") UNION ALL (SELECT f.id, f.file_id, 'upload', r.id, f.run_id, f.original_filename, f.uri, f.sha256, ",
            "f.bytes, f.description, f.metadata, f.created_at, f.updated_at FROM models f LEFT JOIN runs r USING (run_id) ",
            "WHERE f.deleted_at IS NULL AND ",
            $each,
            ")) AS files ",
            $rest
        )
    };
}

/// Binds the run's number, the key before the page, limit and offset. Either kind gives at most what the page can need, so
/// that both come from their indexes and not all files are sorted.
pub(super) const PAGE: &str = files!(
    "*",
    "($1::bigint IS NULL OR r.id = $1) AND f.id < $2 ORDER BY f.id DESC LIMIT $3::bigint + $4::bigint",
    "ORDER BY id DESC LIMIT $3 OFFSET $4"
);
const COUNT: &str = files!("count(*)", "($1::bigint IS NULL OR r.id = $1)", "");
const ONE: &str = files!("*", "f.id = $1", "");

impl ReadModels {
    /// A page of model files, newest first; `run_number` keeps those of one run. Their key is `id`.
    pub async fn files(&self, run_number: Option<i64>, paging: Paging) -> Result<Page<File>> {
        let total: i64 = sqlx::query_scalar(COUNT).bind(run_number).fetch_one(&self.pool).await?;
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        let items = sqlx::query_as(PAGE)
            .bind(run_number)
            .bind(paging.behind(Order::NewestFirst))
            .bind(paging.limit())
            .bind(paging.offset())
            .fetch_all(&self.pool)
            .await?;
        Ok(Page::of(total, items, paging, |file: &File| file.id))
    }

    /// The model file with this number.
    pub async fn file(&self, id: i64) -> Result<Option<File>> {
        Ok(sqlx::query_as(ONE).bind(id).fetch_optional(&self.pool).await?)
    }
}
