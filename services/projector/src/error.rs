//! What can go wrong while projecting.

use event_log::Error as LogError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The JetStream API's error code.
const STREAM_NOT_FOUND: u64 = 10059;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the event log failed")]
    Log(#[from] LogError),
    #[error("the read models failed")]
    ReadModels(#[from] read_models::Error),
    #[error(
        "event {sequence} ({subject}) cannot be understood ({reason}); upgrade this service, or start it with \
         --on-poison=skip to record the event in dead_letters and go on"
    )]
    Poison { sequence: u64, subject: String, reason: String },
    #[error(
        "event {sequence} ({subject}) does not fit the tables; start this service with --on-poison=skip to record the \
         event in dead_letters and go on"
    )]
    Unfit {
        sequence: u64,
        subject: String,
        #[source]
        source: read_models::Error,
    },
    #[error("the read models are at sequence {position}, but the log ended at {end}: is the projector running?")]
    Behind { position: u64, end: u64 },
    #[error("the log ended at {found} instead of {expected} while it was read")]
    Incomplete { expected: u64, found: u64 },
    #[error("the reader of the log ended")]
    ReaderEnded,
    #[error("a task of the projector died")]
    Task(#[from] tokio::task::JoinError),
}

impl Error {
    /// Whether trying again later may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            // A stream that nobody has created yet, or a log that was set back: the next session looks again.
            Self::Log(LogError::Missing { .. } | LogError::HistoryChanged { .. }) => true,
            Self::Log(LogError::Rejected { code: STREAM_NOT_FOUND, .. }) => true,
            Self::Log(error) => error.is_retryable(),
            Self::ReadModels(read_models::Error::RebuildRunning | read_models::Error::OtherHistory { .. }) => true,
            Self::ReadModels(error) => error.is_retryable(),
            Self::Behind { .. } | Self::Incomplete { .. } | Self::ReaderEnded => true,
            Self::Poison { .. } | Self::Unfit { .. } | Self::Task(_) => false,
        }
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
