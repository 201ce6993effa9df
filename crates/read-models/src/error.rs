//! What can go wrong, and what a caller can do about it.

use sqlx::migrate::MigrateError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the read models.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("DATABASE_URL is not a Postgres address: expected postgres://user:password@host:port/database")]
    Address(#[source] sqlx::Error),
    #[error("Postgres cannot be reached; is it running, and is DATABASE_URL right?")]
    Unreachable(#[source] sqlx::Error),
    #[error("the migrations failed; the database was made by another version or changed by hand")]
    Migration(#[source] MigrateError),
    #[error("Postgres failed")]
    Database(#[from] sqlx::Error),
    #[error("the read models are at sequence {found}, but {expected} was already written: Postgres was set back")]
    WentBack { expected: u64, found: u64 },
    #[error("the read models follow another log ({found}) than this one ({expected}): rebuild them")]
    OtherHistory { expected: String, found: String },
    #[error(
        "a page {offset} items behind the beginning would have to count them all: go on with the key of the last item instead"
    )]
    TooDeep { offset: i64 },
    #[error("another rebuild of these read models is running; wait for it to end")]
    RebuildRunning,
}

impl Error {
    /// Whether the same call may succeed later, once Postgres is back.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(error) | Self::Database(error) => is_outage(error),
            Self::Migration(MigrateError::Execute(error)) => is_outage(error),
            Self::WentBack { .. } => true,
            _ => false,
        }
    }

    /// Whether Postgres refused the values themselves (data exceptions, violated constraints, exceeded limits): some event
    /// of the batch does not fit the tables.
    pub fn is_unfit_data(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
            }
            Self::Database(sqlx::Error::Encode(_)) => true,
            _ => false,
        }
    }
}

/// Classes of SQLSTATE (PostgreSQL documentation, appendix A) that pass: lost connections, exhausted resources, operator
/// intervention, conflicts with other transactions, and a standby that is not promoted yet.
fn is_outage(error: &sqlx::Error) -> bool {
    const PASSING: [&str; 6] = ["08", "53", "57", "40", "55", "25"];
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| PASSING.iter().any(|class| code.starts_with(class)))
        }
        _ => false,
    }
}
