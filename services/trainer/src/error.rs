//! What can go wrong while training a run.

use event_log::ErrorClass;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the event log failed")]
    Log(#[from] event_log::Error),
    #[error("the object store failed")]
    Store(#[from] trajectories::Error),
    #[error("an event cannot be read")]
    Event(#[from] contracts::EventError),
    #[error("an event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("this executable cannot be read to record its hash")]
    Executable(#[source] std::io::Error),
    #[error("threads cannot be started")]
    Threads(#[source] std::io::Error),
    #[error("a task of the trainer died")]
    Task(#[from] tokio::task::JoinError),
    /// The run itself cannot be trained: it fails for good, with this code.
    #[error("the run cannot be trained ({code}): {message}")]
    Run { code: &'static str, message: String },
    #[error("the run belongs to another trainer now")]
    Lost,
}

impl Error {
    /// A run that fails for good.
    pub fn run(code: &'static str, error: impl std::error::Error) -> Self {
        Self::Run { code, message: crate::chain(&error) }
    }

    /// Whether the service must stop: no other run would fare better.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Log(error) if matches!(error.class(), ErrorClass::Refused | ErrorClass::Fatal))
    }
}
