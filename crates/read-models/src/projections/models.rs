//! `models`: one row per uploaded model file.

use super::last_of_each;
use crate::batch::Fact;
use crate::insert::{Conflict, table_row};
use crate::postgres_text::{bigint, json, text};
use chrono::{DateTime, Utc};
use contracts::Event;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

table_row! {
    /// An uploaded model; a deleted one is hidden, not forgotten.
    ModelRow in "models", Conflict::Replace("file_id"), {
        file_id: Uuid,
        /// Stream sequence.
        id: i64,
        run_id: Option<Uuid>,
        original_filename: String,
        /// Key below the object store's root.
        uri: String,
        sha256: String,
        bytes: i64,
        description: Option<String>,
        /// A JSON object.
        metadata: Option<Value>,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
        deleted_at: Option<DateTime<Utc>>,
    }
}

/// Writes registrations and deletions in their order; a file that is registered again is there again.
pub(crate) async fn apply(connection: &mut PgConnection, facts: &[Fact]) -> sqlx::Result<()> {
    ModelRow::insert(connection, &rows(facts)).await?;
    let (files, times) = deletions(facts);
    if files.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE models SET deleted_at = d.at, updated_at = d.at FROM unnest($1, $2) AS d (file_id, at) \
         WHERE models.file_id = d.file_id",
    )
    .bind(files)
    .bind(times)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) fn rows(facts: &[Fact]) -> Vec<ModelRow> {
    let row = |fact: &Fact| {
        let Event::ModelRegistered(event) = &fact.event else { return None };
        Some(ModelRow {
            file_id: event.file_id.0,
            id: bigint(fact.sequence),
            run_id: event.run_id.map(|id| id.0),
            original_filename: text(&event.original_filename),
            uri: text(&event.blob.uri),
            sha256: text(&event.blob.sha256),
            bytes: bigint(event.blob.bytes),
            description: event.description.as_deref().map(text),
            metadata: event.metadata.as_ref().map(|metadata| json(&Value::Object(metadata.clone()))),
            created_at: fact.envelope.time,
            updated_at: fact.envelope.time,
            deleted_at: None,
        })
    };
    last_of_each(facts.iter().filter_map(row).collect(), |row| row.file_id)
}

/// Files and times of the deletions that no later registration takes back.
fn deletions(facts: &[Fact]) -> (Vec<Uuid>, Vec<DateTime<Utc>>) {
    let changes = facts.iter().filter_map(|fact| match &fact.event {
        Event::ModelRegistered(event) => Some((event.file_id.0, None)),
        Event::ModelDeleted(event) => Some((event.file_id.0, Some(fact.envelope.time))),
        _ => None,
    });
    let last = last_of_each(changes.collect(), |change| change.0);
    last.into_iter().filter_map(|(file, time)| Some((file, time?))).unzip()
}
