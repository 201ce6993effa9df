//! A model file's bytes: as they are stored, or as another format of the same policy.

use crate::api::Api;
use crate::app::App;
use crate::byte_ranges::{self, Wanted};
use crate::error::{Error, Result, chain};
use crate::extract::{Path, Query};
use crate::routes::files::{SAFETENSORS, file, filename};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use learner::Policy;
use read_models::File;
use schemars::JsonSchema;
use serde::Deserialize;
use std::ops::Range;
use trajectories::store::sha256;

/// There is no registered media type for ONNX.
const ONNX: &str = "application/octet-stream";

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/files/{number}/download", download, |it| {
        it.says("files", "The file itself")
            .explains("`ETag` is the SHA-256 of the bytes; ranges of bytes can be asked for.")
            .query::<DownloadQuery>()
            .gives_content(200, "All bytes", SAFETENSORS)
            .gives_content(206, "The range asked for", SAFETENSORS)
            .gives_nothing(304, "The client has it already")
            .fails(&[404, 409, 416, 422])
    })
}

#[derive(Deserialize, JsonSchema)]
struct DownloadQuery {
    /// `safetensors`, as it is stored, unless `onnx` is asked for: the same policy for other runtimes, with inputs
    /// `observation` and `action_mask` and outputs `logits`, `probabilities` and `value`.
    format: Option<Format>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    Safetensors,
    Onnx,
}

/// What is sent: bytes at hand, or those of the store.
struct Content {
    kind: &'static str,
    filename: String,
    sha256: String,
    bytes: u64,
    source: Source,
}

enum Source {
    Stored(File),
    Made(Bytes),
}

async fn download(
    State(app): State<App>,
    Path(number): Path<i64>,
    Query(query): Query<DownloadQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let file = file(&app, number).await?;
    let content = match query.format {
        None | Some(Format::Safetensors) => stored(file),
        Some(Format::Onnx) => onnx(&app, file).await?,
    };
    content.answer(&app, &headers).await
}

fn stored(file: File) -> Content {
    Content {
        kind: SAFETENSORS,
        filename: filename(&file),
        sha256: file.sha256.clone(),
        bytes: u64::try_from(file.bytes).unwrap_or(0),
        source: Source::Stored(file),
    }
}

/// The export is a function of the file, made when it is asked for.
async fn onnx(app: &App, file: File) -> Result<Content> {
    let stored = whole(app, &file).await?;
    let export = move || Policy::from_safetensors(&stored).map(|policy| Bytes::from(policy.to_onnx()));
    let exported = tokio::task::spawn_blocking(export).await.map_err(Error::internal)?;
    let made = exported.map_err(|error| {
        Error::invalid(&["query", "format"], format!("this file cannot be exported: {}", chain(&error)))
    })?;
    Ok(Content {
        kind: ONNX,
        filename: format!("{}.onnx", file.file_id),
        sha256: sha256(&made),
        bytes: made.len() as u64,
        source: Source::Made(made),
    })
}

impl Content {
    async fn answer(self, app: &App, headers: &HeaderMap) -> Result<Response> {
        let Self { kind, filename, sha256, bytes, source } = self;
        let tag = format!("\"{sha256}\"");
        let wanted = byte_ranges::wanted(headers, &tag, bytes);
        let shared = [
            (header::CONTENT_TYPE, kind.to_owned()),
            (header::ETAG, tag),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            // May be kept, but a deleted file must not come back from a cache.
            (header::CACHE_CONTROL, "private, no-cache".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{filename}\"")),
        ];
        match wanted {
            Wanted::Nothing => Ok((StatusCode::NOT_MODIFIED, shared).into_response()),
            Wanted::Everything => Ok((shared, source.all(app).await?).into_response()),
            Wanted::Unsatisfiable => Err(Error::RangeNotSatisfiable { bytes }),
            Wanted::Part(range) => {
                let place = format!("bytes {}-{}/{bytes}", range.start, range.end - 1);
                let part = source.part(app, range).await?;
                Ok((StatusCode::PARTIAL_CONTENT, shared, [(header::CONTENT_RANGE, place)], part).into_response())
            }
        }
    }
}

impl Source {
    async fn all(self, app: &App) -> Result<Bytes> {
        match self {
            Self::Stored(file) => whole(app, &file).await,
            Self::Made(bytes) => Ok(bytes),
        }
    }

    async fn part(self, app: &App, range: Range<u64>) -> Result<Bytes> {
        match self {
            Self::Stored(file) => match app.store.get_range(&file.uri, range).await {
                Ok(bytes) => Ok(bytes),
                Err(error) => Err(unreadable(app, &file, error).await),
            },
            Self::Made(bytes) => Ok(bytes.slice(range.start as usize..range.end as usize)),
        }
    }
}

/// All bytes of `file`, if they are those that were registered.
async fn whole(app: &App, file: &File) -> Result<Bytes> {
    match app.store.get_recorded(&file.uri, &file.sha256).await {
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(unreadable(app, file, error).await),
    }
}

/// A file can be registered without bytes, or with those of another one.
async fn unreadable(app: &App, file: &File, error: trajectories::Error) -> Error {
    let other = || Error::Conflict(format!("file {} has not the bytes that were registered; upload it again", file.id));
    match (error, app.store.size(&file.uri).await) {
        (_, Ok(None)) => Error::NotFound(format!("file {} has no bytes in the store; upload it again", file.id)),
        (trajectories::Error::Digest { .. }, _) => other(),
        (_, Ok(Some(size))) if i64::try_from(size) != Ok(file.bytes) => other(),
        (error, _) => error.into(),
    }
}
