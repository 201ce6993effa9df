//! Model files: checkpoints, which appear by themselves, and uploads.

use crate::api::Api;
use crate::app::App;
use crate::commanding::{Outcome, PendingCommand, pending};
use crate::error::{Error, Result};
use crate::extract::{Origin, PageQuery, Path, Query};
use axum::extract::multipart::{Multipart, MultipartError, MultipartRejection};
use axum::extract::{DefaultBodyLimit, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use contracts::commands::{DeleteModel, RegisterModel};
use contracts::events::BlobRef;
use contracts::{Command, FileId};
use learner::Policy;
use read_models::{File, FileKind};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::Range;
use uuid::Uuid;

const DEFAULT_SIZE: u32 = 20;
const LARGEST: u32 = 100;
/// Largest upload, bytes.
const UPLOAD_LIMIT: usize = 64 * 1024 * 1024;
const SAFETENSORS: &str = "application/octet-stream";

pub fn routes(api: Api) -> Api {
    api.post("/api/v1/files/", upload.layer(DefaultBodyLimit::max(UPLOAD_LIMIT)), |it| {
        it.says("files", "Upload a policy")
            .explains("Safetensors of a policy, at most 64 MiB; its tensors, shapes and values are checked.")
            .commands()
            .takes_schema(
                "multipart/form-data",
                Box::new(|_| {
                    json_schema!({
                        "type": "object", "required": ["file"],
                        "properties": {
                            "file": { "type": "string", "contentMediaType": "application/octet-stream" },
                            "description": { "type": "string", "maxLength": 4000 }
                        }
                    })
                }),
                None,
            )
            .gives::<StoredFile>(201, "It is stored")
            .gives::<PendingCommand>(202, "It is stored, but not listed yet")
            .fails(&[413, 415, 422])
    })
    .get("/api/v1/files/list", list, |it| {
        it.says("files", "Model files, newest first")
            .query::<ListQuery>()
            .gives::<FilePage>(200, "A page of files")
            .fails(&[422])
    })
    .get("/api/v1/files/{number}", one, |it| {
        it.says("files", "About a file").gives::<StoredFile>(200, "The file's description").fails(&[404, 422])
    })
    .get("/api/v1/files/{number}/download", download, |it| {
        it.says("files", "The file itself")
            .explains("`ETag` is its SHA-256; ranges of bytes can be asked for.")
            .gives_content(200, "All bytes", SAFETENSORS)
            .gives_content(206, "The range asked for", SAFETENSORS)
            .gives_nothing(304, "The client has it already")
            .fails(&[404, 416, 422])
    })
    .delete("/api/v1/files/{number}", delete, |it| {
        it.says("files", "Hide an uploaded file; checkpoints go with their session")
            .commands()
            .gives::<Deleted>(200, "It is hidden")
            .gives::<PendingCommand>(202, "The command is stored, its outcome not known yet")
            .fails(&[404, 409, 422])
    })
}

#[derive(Deserialize, JsonSchema)]
struct ListQuery {
    /// Counted from 1.
    #[schemars(range(min = 1))]
    page: Option<u32>,
    /// Items per page; larger values are brought down to 100.
    #[schemars(range(min = 1))]
    page_size: Option<u32>,
    /// Only files of the session with this number.
    training_job_id: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
struct FilePage {
    total: u64,
    page: u32,
    page_size: u32,
    files: Vec<StoredFile>,
}

/// A model file.
#[derive(Serialize, JsonSchema)]
struct StoredFile {
    id: i64,
    /// Checkpoint id or file id: what `init_from` takes.
    file_id: Uuid,
    filename: String,
    original_filename: String,
    /// Opaque.
    file_path: String,
    /// Bytes.
    file_size: i64,
    /// `checkpoint` or `upload`.
    file_type: &'static str,
    content_type: &'static str,
    sha256: String,
    training_job_id: Option<i64>,
    description: Option<String>,
    metadata: Option<Value>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    id: i64,
    filename: String,
    message: &'static str,
}

impl From<File> for StoredFile {
    fn from(file: File) -> Self {
        Self {
            id: file.id,
            file_id: file.file_id,
            filename: filename(&file),
            original_filename: file.original_filename,
            file_path: file.uri,
            file_size: file.bytes,
            file_type: match file.kind {
                FileKind::Checkpoint => "checkpoint",
                FileKind::Upload => "upload",
            },
            content_type: SAFETENSORS,
            sha256: file.sha256,
            training_job_id: file.run_number,
            description: file.description,
            metadata: file.metadata,
            created_at: file.created_at,
            updated_at: file.updated_at,
        }
    }
}

/// Made of our own id: what a client once called it never becomes a name on anybody's disk.
fn filename(file: &File) -> String {
    format!("{}.safetensors", file.file_id)
}

async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Result<axum::Json<FilePage>> {
    let paging = PageQuery { page: query.page, page_size: query.page_size }.paging(DEFAULT_SIZE, LARGEST)?;
    let found = app.models.files(query.training_job_id, paging).await?;
    let files = found.items.into_iter().map(StoredFile::from).collect();
    Ok(axum::Json(FilePage { total: found.total, page: paging.page(), page_size: paging.page_size(), files }))
}

async fn one(State(app): State<App>, Path(number): Path<i64>) -> Result<axum::Json<StoredFile>> {
    Ok(axum::Json(file(&app, number).await?.into()))
}

async fn download(State(app): State<App>, Path(number): Path<i64>, headers: HeaderMap) -> Result<Response> {
    let file = file(&app, number).await?;
    let tag = format!("\"{}\"", file.sha256);
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let known = text(header::IF_NONE_MATCH).is_some_and(|tags| tags.split(',').any(|found| found.trim() == tag));
    if known {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let bytes = u64::try_from(file.bytes).unwrap_or(0);
    let shared = [
        (header::CONTENT_TYPE, SAFETENSORS.to_owned()),
        (header::ETAG, tag),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", filename(&file))),
    ];
    match text(header::RANGE).and_then(|range| single_range(range, bytes)) {
        None => Ok((shared, app.store.get(&file.uri).await?).into_response()),
        Some(range) if range.is_empty() => Err(Error::RangeNotSatisfiable { bytes }),
        Some(range) => {
            let place = format!("bytes {}-{}/{bytes}", range.start, range.end - 1);
            let part = app.store.get_range(&file.uri, range).await?;
            Ok((StatusCode::PARTIAL_CONTENT, shared, [(header::CONTENT_RANGE, place)], part).into_response())
        }
    }
}

async fn delete(State(app): State<App>, origin: Origin, Path(number): Path<i64>) -> Result<Response> {
    let file = file(&app, number).await?;
    if file.kind == FileKind::Checkpoint {
        return Err(Error::Conflict("a checkpoint goes with its session; delete that".to_owned()));
    }
    let command = Command::DeleteModel(DeleteModel { file_id: FileId(file.file_id) });
    match app.command(&origin, &command).await? {
        Outcome::Pending => Ok(pending(&origin)),
        Outcome::Done(_) => {
            let deleted = Deleted { id: file.id, filename: filename(&file), message: "the file is deleted" };
            Ok(axum::Json(deleted).into_response())
        }
    }
}

async fn upload(
    State(app): State<App>,
    origin: Origin,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response> {
    let form = form.map_err(|_| Error::UnsupportedMediaType("send a multipart form with a field `file`".to_owned()))?;
    let Form { name, bytes, description } = read_form(form).await?;
    let checked = bytes.clone();
    let checking = tokio::task::spawn_blocking(move || Policy::from_safetensors(&checked).map(drop));
    let policy = checking.await.map_err(Error::internal)?;
    policy.map_err(|error| Error::invalid(&["body", "file"], format!("is not a policy: {error}")))?;
    // The same upload repeated under the same key is the same file.
    let file_id = FileId(origin.command_id.derive("file"));
    let stored = app.store.put(&format!("models/{file_id}.safetensors"), bytes).await?;
    let command = Command::RegisterModel(RegisterModel {
        file_id,
        original_filename: name,
        blob: BlobRef { uri: stored.key, sha256: stored.sha256, bytes: stored.bytes, rows: None },
        run_id: None,
        description,
        metadata: None,
    });
    match app.command(&origin, &command).await? {
        Outcome::Pending => Ok(pending(&origin)),
        Outcome::Done(outcomes) => {
            let number = outcomes.first().map_or(0, |outcome| outcome.id);
            let answer = StoredFile::from(file(&app, number).await?);
            Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
        }
    }
}

struct Form {
    name: String,
    bytes: Bytes,
    description: Option<String>,
}

async fn read_form(mut form: Multipart) -> Result<Form> {
    let (mut file, mut description) = (None, None);
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        match field.name() {
            Some("file") => {
                let name: String = field.file_name().unwrap_or("model.safetensors").chars().take(255).collect();
                file = Some((name, field.bytes().await.map_err(unreadable)?));
            }
            Some("description") => {
                let text = field.text().await.map_err(unreadable)?;
                if text.chars().count() > 4000 {
                    return Err(Error::invalid(&["body", "description"], "must have at most 4000 characters"));
                }
                description = Some(text);
            }
            // Browsers send along what the form has.
            _ => drop(field.bytes().await.map_err(unreadable)?),
        }
    }
    let (name, bytes) = file.ok_or_else(|| Error::invalid(&["body", "file"], "is required"))?;
    let name = if name.is_empty() { "model.safetensors".to_owned() } else { name };
    Ok(Form { name, bytes, description })
}

fn unreadable(error: MultipartError) -> Error {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge(format!("an upload may have {UPLOAD_LIMIT} bytes")),
        _ => Error::invalid(&["body"], error.body_text()),
    }
}

async fn file(app: &App, number: i64) -> Result<File> {
    app.models.file(number).await?.ok_or_else(|| Error::NotFound(format!("there is no file {number}")))
}

/// The bytes that `Range` asks for (RFC 9110, section 14.1.2), empty when there are none; `None` for several ranges and
/// other units, which may be ignored.
fn single_range(header: &str, bytes: u64) -> Option<Range<u64>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first.trim(), last.trim()) {
        ("", suffix) => bytes.saturating_sub(suffix.parse().ok()?)..bytes,
        (first, "") => first.parse().ok()?..bytes,
        (first, last) => first.parse().ok()?..last.parse::<u64>().ok()?.saturating_add(1).min(bytes),
    };
    Some(range)
}

#[cfg(test)]
mod tests {
    use super::single_range;

    #[test]
    fn ranges_are_those_of_the_standard() {
        assert_eq!(single_range("bytes=0-3", 10), Some(0..4));
        assert_eq!(single_range("bytes=4-", 10), Some(4..10));
        assert_eq!(single_range("bytes=-3", 10), Some(7..10));
        assert_eq!(single_range("bytes=8-100", 10), Some(8..10));
        assert!(single_range("bytes=10-", 10).is_some_and(|range| range.is_empty()));
        for ignored in ["lines=0-3", "bytes=0-1,4-5", "bytes=-", "bytes=x-3", "bytes=0"] {
            assert_eq!(single_range(ignored, 10), None, "{ignored}");
        }
    }
}
