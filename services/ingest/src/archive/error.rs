//! What stops the archive, and what only delays it.

use contracts::RunId;

/// A failure of the archive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Log(#[from] event_log::Error),
    #[error(transparent)]
    Store(#[from] trajectories::Error),
    #[error("an event of run {run} cannot be understood")]
    Event {
        run: RunId,
        #[source]
        source: contracts::EventError,
    },
    #[error("an event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("the writing of a file was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Error {
    /// Whether the same work may succeed later. A store that fails (a full disk, a network) may recover; the log says so
    /// itself.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Log(error) => error.is_retryable(),
            Self::Store(trajectories::Error::Store { .. }) => true,
            _ => false,
        }
    }

    /// Somebody else appended first.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Log(event_log::Error::Conflict { .. }))
    }
}
