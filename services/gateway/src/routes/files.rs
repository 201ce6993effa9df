//! Model files: checkpoints, which appear by themselves, and uploads.

use crate::api::Api;
use crate::app::App;
use crate::commanding::{Outcome, PendingCommand, pending};
use crate::error::{Error, Result, chain};
use crate::extract::{Origin, PageQuery, Path, Query, RunKey};
use crate::upload::{self, Form};
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::{DefaultBodyLimit, State};
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::commands::{DeleteModel, RegisterModel};
use contracts::events::BlobRef;
use contracts::{Command, FileId};
use learner::Policy;
use read_models::{File, FileKind, RunRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trajectories::store::sha256;
use uuid::Uuid;

const DEFAULT_SIZE: u32 = 20;
const LARGEST: u32 = 100;
pub const SAFETENSORS: &str = "application/octet-stream";

pub fn routes(api: Api) -> Api {
    api.post("/api/v1/files/", add.layer(DefaultBodyLimit::max(upload::LARGEST)), |it| {
        it.says("files", "Upload a policy")
            .explains("Safetensors of a policy, at most 64 MiB; its tensors, shapes and values are checked.")
            .commands()
            .takes_schema("multipart/form-data", Box::new(|_| upload::schema()), None)
            .gives::<StoredFile>(201, "It is stored")
            .gives::<PendingCommand>(202, "It is stored, but not listed yet")
            .fails(&[409, 413, 415, 422])
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
    /// Begin behind the item with this key, the `next` of the page before; pages are counted from there.
    after: Option<u64>,
    /// Only files of the session with this number.
    training_job_id: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
struct FilePage {
    total: u64,
    page: u32,
    page_size: u32,
    /// `after` of the next page, when there is one.
    next: Option<i64>,
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
    /// `checkpoint`, or `model` for an upload.
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
                FileKind::Upload => upload::FILE_TYPE,
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
pub fn filename(file: &File) -> String {
    format!("{}.safetensors", file.file_id)
}

async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Result<axum::Json<FilePage>> {
    let paging =
        PageQuery { page: query.page, page_size: query.page_size, after: query.after }.paging(DEFAULT_SIZE, LARGEST)?;
    let found = app.models.files(query.training_job_id, paging).await?;
    let files = found.items.into_iter().map(StoredFile::from).collect();
    Ok(axum::Json(FilePage {
        total: found.total,
        page: paging.page(),
        page_size: paging.page_size(),
        next: found.next,
        files,
    }))
}

async fn one(State(app): State<App>, Path(number): Path<i64>) -> Result<axum::Json<StoredFile>> {
    Ok(axum::Json(file(&app, number).await?.into()))
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

async fn add(State(app): State<App>, origin: Origin, form: Result<Multipart, MultipartRejection>) -> Result<Response> {
    let form = form.map_err(|_| Error::UnsupportedMediaType("send a multipart form with a field `file`".to_owned()))?;
    let Form { name, bytes, description, metadata, training_job_id } = upload::read(form).await?;
    let run = match training_job_id {
        None => None,
        Some(number) => Some(session(&app, number).await?),
    };
    let checked = bytes.clone();
    let checking = tokio::task::spawn_blocking(move || {
        Policy::from_safetensors(&checked).map(|_| (sha256(&checked), checked.len() as u64))
    });
    let policy = checking.await.map_err(Error::internal)?;
    let (sha256, size) =
        policy.map_err(|error| Error::invalid(&["body", "file"], format!("is not a policy: {}", chain(&error))))?;
    // The same upload repeated under the same key is the same file; other bytes are another one, whatever the key.
    let file_id = FileId(origin.command_id.derive(&format!("file/{sha256}")));
    let uri = format!("models/{file_id}.safetensors");
    let command = Command::RegisterModel(RegisterModel {
        file_id,
        original_filename: name,
        blob: BlobRef { uri: uri.clone(), sha256, bytes: size, rows: None },
        run_id: run.map(|run| run.run_id.into()),
        description,
        metadata,
    });
    if !app.was_decided(&origin, &command).await? {
        app.store.put(&uri, bytes).await?;
    }
    match app.command(&origin, &command).await? {
        Outcome::Pending => Ok(pending(&origin)),
        Outcome::Done(outcomes) => {
            let number = outcomes.first().map_or(0, |outcome| outcome.id);
            let answer = StoredFile::from(file(&app, number).await?);
            Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
        }
    }
}

/// The session that an upload says it belongs to.
async fn session(app: &App, number: i64) -> Result<RunRow> {
    match app.run(RunKey::Number(number)).await {
        Err(Error::NotFound(message)) => Err(Error::invalid(&["body", "training_job_id"], message)),
        other => other,
    }
}

/// # Errors
/// If there is no such file.
pub async fn file(app: &App, number: i64) -> Result<File> {
    app.models.file(number).await?.ok_or_else(|| Error::NotFound(format!("there is no file {number}")))
}
