//! What can go wrong, and what a caller can do about it.

use crate::drift::FieldDrift;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Try again later with the same ids: nothing is lost and nothing happens twice.
    Retryable,
    /// Somebody else appended first: load the aggregate again and decide again.
    Conflict,
    /// The server's permissions forbid it: an operator must grant them.
    Refused,
    /// One message can never be processed: set it aside and go on.
    Poison,
    /// The configuration or the program is wrong: stop.
    Fatal,
}

/// A failure of the event log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("nats-server at {url} cannot be reached ({reason}); is it running, and is NATS_URL right?")]
    Unreachable { url: String, reason: String },
    #[error("no answer from nats-server for {operation}: {reason}")]
    Unavailable { operation: String, reason: String },
    #[error("stream {stream} is full: {reason}")]
    StreamFull { stream: String, reason: String },
    #[error("expected {expected} as the last sequence of `{filter}`, found {actual}")]
    Conflict { filter: String, expected: u64, actual: u64 },
    #[error("the log changed behind sequence {position}: {reason}")]
    HistoryChanged { position: u64, reason: String },
    #[error("nats-server refused `{subject}` ({reason}); grant this user the permission")]
    Refused { subject: String, reason: String },
    #[error("message {sequence} on `{subject}` is not an event: {reason}")]
    Malformed { sequence: u64, subject: String, reason: String },
    #[error("a message of {bytes} bytes is larger than the server's limit of {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("{0} messages do not fit an atomic batch, which holds at most 1000")]
    BatchTooLarge(usize),
    #[error("nats-server {found} is too old: {needed} or newer is needed (older ones silently ignore features)")]
    ServerTooOld { found: String, needed: &'static str },
    #[error("{what} `{name}` differs from its definition: {}; change the definition or migrate it", list(fields))]
    Drift { what: &'static str, name: String, fields: Vec<FieldDrift> },
    #[error("{what} `{name}` does not exist (start a service with permission to create it) or has no leader")]
    Missing { what: &'static str, name: String },
    #[error("JetStream is not enabled on nats-server; start it with `-js` or a `jetstream` block")]
    NoJetStream,
    #[error("{operation} was rejected by nats-server: {reason} (code {code})")]
    Rejected { operation: String, code: u64, reason: String },
    #[error("bad configuration of the event log: {0}")]
    Configuration(String),
}

impl Error {
    /// What a caller can do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unreachable { .. } | Self::Unavailable { .. } | Self::StreamFull { .. } => ErrorClass::Retryable,
            Self::Conflict { .. } => ErrorClass::Conflict,
            Self::Refused { .. } => ErrorClass::Refused,
            Self::Malformed { .. } => ErrorClass::Poison,
            _ => ErrorClass::Fatal,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.class() == ErrorClass::Retryable
    }

    pub(crate) fn unavailable(operation: impl Into<String>, reason: impl ToString) -> Self {
        Self::Unavailable { operation: operation.into(), reason: reason.to_string() }
    }
}

fn list(fields: &[FieldDrift]) -> String {
    fields.iter().map(FieldDrift::to_string).collect::<Vec<_>>().join("; ")
}
