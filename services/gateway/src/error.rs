//! One error for every handler: what went wrong, as a status and a problem document (RFC 9457).

use crate::routes::session::Session;
use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contracts::{Reason, Rejection};
use schemars::JsonSchema;
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the service could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("GATEWAY_BIND: cannot listen on {bind}")]
    Bind {
        bind: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the event log cannot be used")]
    Log(#[from] event_log::Error),
    #[error("the read models cannot be used")]
    ReadModels(#[from] read_models::Error),
    #[error("the object store cannot be used")]
    Store(#[from] trajectories::Error),
    #[error("the HTTP server failed")]
    Serve(#[source] std::io::Error),
}

/// Why a request was not answered with what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    NotFound(String),
    #[error("the request has fields that cannot be used")]
    Invalid(Vec<Violation>),
    #[error("{0}")]
    Conflict(String),
    /// What the session's state forbids, and that state.
    #[error("{message}")]
    StateForbids { message: String, session: Box<Session> },
    #[error("a bearer token is required")]
    Unauthorized,
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    UnsupportedMediaType(String),
    #[error("this path does not take that method")]
    MethodNotAllowed,
    #[error("open a WebSocket at this address")]
    UpgradeRequired,
    #[error("{message}")]
    TooMany { message: String, wait: Duration },
    #[error("too many requests; try again later")]
    RateLimited { wait: Duration },
    #[error("the range lies outside the file")]
    RangeNotSatisfiable { bytes: u64 },
    #[error("the body of the request took too long; send it again, and faster")]
    BodyTooSlow,
    #[error("the answer took too long; try again later")]
    TimedOut,
    /// Nats-server, Postgres or the store is away for the moment.
    #[error("a server behind the gateway cannot be reached; try again later")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("an error inside the gateway; its log says more")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// One field of a request that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Violation {
    /// Where it stands: `body`, `query`, `path` or `header`, then names and indices down to the field.
    pub loc: Vec<String>,
    /// One sentence for people.
    pub msg: String,
    /// Stable, for machines.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What went wrong (RFC 9457).
#[derive(Serialize, JsonSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: String,
    /// The training session as it stands now, when that is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Box<Session>>,
}

/// What went wrong, field by field.
#[derive(Serialize, JsonSchema)]
pub struct ValidationProblem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: Vec<Violation>,
}

impl Error {
    /// One field that cannot be used; `location` is its path from `body`, `query`, `path` or `header`.
    pub fn invalid(location: &[&str], message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(location, message)])
    }

    pub fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }

    /// A body that could not be read to its end, or that is too large.
    pub fn unreadable_body(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge("the body is too large".to_owned()),
            _ => Self::invalid(&["body"], rejection.body_text()),
        }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) | Self::StateForbids { .. } => StatusCode::CONFLICT,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::TooMany { .. } | Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TimedOut | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Says in the log what the client is not told.
    fn log(&self) {
        match self {
            Self::Internal(cause) => tracing::error!("a request failed: {}", chain(cause.as_ref())),
            Self::Unavailable(cause) => tracing::warn!("a request could not be served: {}", chain(cause.as_ref())),
            _ => {}
        }
    }

    fn extra_header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::UpgradeRequired => Some((header::UPGRADE, HeaderValue::from_static("websocket"))),
            Self::TimedOut | Self::Unavailable(_) => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            Self::TooMany { wait, .. } | Self::RateLimited { wait } => {
                Some((header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1)))
            }
            Self::RangeNotSatisfiable { bytes } => {
                let value = HeaderValue::from_str(&format!("bytes */{bytes}")).ok()?;
                Some((header::CONTENT_RANGE, value))
            }
            _ => None,
        }
    }
}

impl Violation {
    pub fn new(location: &[&str], message: impl Into<String>) -> Self {
        let loc = location.iter().map(|part| (*part).to_owned()).collect();
        Self { loc, msg: message.into(), kind: "invalid".to_owned() }
    }

    /// A reason of the domain; `root` is where the command's fields stand in the request.
    fn of_reason(root: &[&str], reason: Reason) -> Self {
        // JSON Pointer (RFC 6901): `~1` is a slash, `~0` a tilde.
        let unescape = |part: &str| part.replace("~1", "/").replace("~0", "~");
        let path = reason.field.split('/').skip(1).map(unescape);
        let loc = root.iter().map(|part| (*part).to_owned()).chain(path).collect();
        Self { loc, msg: reason.message, kind: reason.code }
    }
}

/// What a refused command means over HTTP: what is missing is 404, what the state forbids 409, what is wrong 422.
impl From<Rejection> for Error {
    fn from(Rejection(reasons): Rejection) -> Self {
        let only = |code: &str| reasons.iter().all(|reason| reason.code == code);
        let messages = || reasons.iter().map(|reason| reason.message.as_str()).collect::<Vec<_>>().join("; ");
        if !reasons.is_empty() && only("conflict") {
            return Self::Conflict(messages());
        }
        // What the command itself is about, not what it refers to.
        let is_target = |reason: &Reason| matches!(reason.field.as_str(), "/run_id" | "/file_id");
        if !reasons.is_empty() && only("not_found") && reasons.iter().all(is_target) {
            return Self::NotFound(messages());
        }
        Self::Invalid(reasons.into_iter().map(|reason| Violation::of_reason(&["body"], reason)).collect())
    }
}

impl From<read_models::Error> for Error {
    fn from(error: read_models::Error) -> Self {
        match error {
            read_models::Error::TooDeep { .. } => {
                Self::invalid(&["query", "page"], "lies too far behind the beginning: go on with `after`")
            }
            error if error.is_retryable() => Self::Unavailable(Box::new(error)),
            error => Self::internal(error),
        }
    }
}

impl From<event_log::Error> for Error {
    fn from(error: event_log::Error) -> Self {
        match error {
            event_log::Error::TooLarge { .. } => Self::TooLarge(error.to_string()),
            error if error.is_retryable() => Self::Unavailable(Box::new(error)),
            error => Self::internal(error),
        }
    }
}

impl From<trajectories::Error> for Error {
    fn from(error: trajectories::Error) -> Self {
        Self::internal(error)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let (status, extra) = (self.status(), self.extra_header());
        let title = status.canonical_reason().unwrap_or_default().to_owned();
        let (kind, number) = ("about:blank".to_owned(), status.as_u16());
        let mut response = match self {
            Self::Invalid(detail) => {
                (status, Json(ValidationProblem { kind, title, status: number, detail })).into_response()
            }
            other => {
                let detail = other.to_string();
                let session = match other {
                    Self::StateForbids { session, .. } => Some(session),
                    _ => None,
                };
                (status, Json(Problem { kind, title, status: number, detail, session })).into_response()
            }
        };
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        response.headers_mut().extend(extra);
        response
    }
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
