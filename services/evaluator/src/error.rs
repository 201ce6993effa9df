//! What can go wrong while evaluating.

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
    #[error("JSON cannot be written")]
    Json(#[from] serde_json::Error),
    #[error("a task of the evaluator died")]
    Task(#[from] tokio::task::JoinError),
    /// This evaluation can never succeed.
    #[error("cannot be evaluated ({code}): {message}")]
    Evaluation { code: &'static str, message: String },
}

impl Error {
    /// An evaluation that can never succeed.
    pub fn evaluation(code: &'static str, error: impl std::error::Error) -> Self {
        Self::Evaluation { code, message: crate::chain(&error) }
    }

    /// Whether the service must stop: no other evaluation would fare better.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Log(error) if matches!(error.class(), ErrorClass::Refused | ErrorClass::Fatal))
    }

    /// Whether the same evaluation may succeed later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Log(error) => error.is_retryable(),
            Self::Store(error) => !error.is_not_found() && !error.is_invalid(),
            Self::Task(_) => true,
            Self::Event(_) | Self::Json(_) | Self::Evaluation { .. } => false,
        }
    }

    /// Whether trying again is over: it cannot help, or this was the last attempt.
    pub fn is_final(&self, last_attempt: bool) -> bool {
        !self.is_fatal() && (last_attempt || !self.may_pass())
    }

    /// What the log says about it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Evaluation { code, .. } => code,
            Self::Log(_) | Self::Store(_) | Self::Task(_) if self.may_pass() => "unavailable",
            _ => "unreadable",
        }
    }
}
