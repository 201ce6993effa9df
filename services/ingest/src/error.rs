//! What can go wrong besides a command that is refused, which is an outcome like any other.

use event_log::ErrorClass;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Log(#[from] event_log::Error),
    #[error("an event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("a task of ingest died")]
    Task(#[from] tokio::task::JoinError),
    #[error("the archive's threads cannot be started")]
    Threads(#[source] std::io::Error),
    #[error(transparent)]
    Archive(#[from] crate::archive::Error),
    #[error("others appended first {0} times in a row")]
    Contention(u32),
}

impl Error {
    /// Whether the message may succeed when it is delivered again; otherwise the service must stop.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Log(error) => matches!(error.class(), ErrorClass::Retryable | ErrorClass::Conflict),
            Self::Contention(_) => true,
            Self::Json(_) | Self::Task(_) | Self::Threads(_) | Self::Archive(_) => false,
        }
    }
}
