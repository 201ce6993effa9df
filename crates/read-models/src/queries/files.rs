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

/// Checkpoints of deleted runs are hidden with them.
macro_rules! files {
    ($rest:literal) => {
        concat!(
            "WITH files AS (SELECT c.id, c.checkpoint_id AS file_id, 'checkpoint' AS kind, r.id AS run_number, c.run_id, ",
            "'checkpoint-' || c.updates || '.safetensors' AS original_filename, c.policy_uri AS uri, ",
            "c.policy_sha256 AS sha256, c.policy_bytes AS bytes, r.name AS description, ",
            "jsonb_build_object('timestep', c.timestep, 'digest', c.digest, 'mean_threat', c.mean_threat) AS metadata, ",
            "c.created_at, c.created_at AS updated_at FROM checkpoints c JOIN runs r USING (run_id) ",
            "WHERE r.deleted_at IS NULL UNION ALL SELECT m.id, m.file_id, 'upload', r.id, m.run_id, m.original_filename, ",
            "m.uri, m.sha256, m.bytes, m.description, m.metadata, m.created_at, m.updated_at FROM models m ",
            "LEFT JOIN runs r USING (run_id) WHERE m.deleted_at IS NULL) ",
            $rest
        )
    };
}

impl ReadModels {
    /// A page of model files, newest first; `run_number` keeps those of one run. Their key is `id`.
    pub async fn files(&self, run_number: Option<i64>, paging: Paging) -> Result<Page<File>> {
        let total: i64 =
            sqlx::query_scalar(files!("SELECT count(*) FROM files WHERE $1::bigint IS NULL OR run_number = $1"))
                .bind(run_number)
                .fetch_one(&self.pool)
                .await?;
        if !paging.reaches(total)? {
            return Ok(Page::behind_the_end(total));
        }
        let items = sqlx::query_as(files!(
            "SELECT * FROM files WHERE ($1::bigint IS NULL OR run_number = $1) AND id < $2 \
             ORDER BY id DESC LIMIT $3 OFFSET $4"
        ))
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
        Ok(sqlx::query_as(files!("SELECT * FROM files WHERE id = $1")).bind(id).fetch_optional(&self.pool).await?)
    }
}
