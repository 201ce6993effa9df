//! Why a server could not be started; every message says what to do.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// A server that did not start. Nothing keeps running after this error and no data is lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error("no {program} found in {looked}: {advice}")]
    BinaryMissing { program: &'static str, looked: String, advice: &'static str },

    #[error("{} is in use by process {pid}: stop that instance first, or use another PATROL_DATA_DIR", path.display())]
    Held { path: PathBuf, pid: String },

    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("{program} ended with {status} while starting: {last_line} (more in {})", log.display())]
    Exited { program: &'static str, status: ExitStatus, last_line: String, log: PathBuf },

    #[error("{program} did not answer within {seconds} s: {last_answer} (more in {})", log.display())]
    NotReady { program: &'static str, seconds: u64, last_answer: String, log: PathBuf },

    #[error(
        "the data in {} was written by Postgres {found} but {} is version {installed}: install postgresql-{found}, or move the directory away and replay the event log",
        data_dir.display(), bin_dir.display()
    )]
    PostgresVersion { data_dir: PathBuf, bin_dir: PathBuf, found: String, installed: String },

    #[error(
        "Postgres refuses to run as root and there is no user `postgres` or `nobody` to run it as: create one, or run as a normal user"
    )]
    NoUnprivilegedUser,

    #[error("{} belongs to another user (id {owner}): run as that user, or use another PATROL_DATA_DIR", path.display())]
    ForeignData { path: PathBuf, owner: u32 },

    #[error("no free port on 127.0.0.1")]
    NoPort(#[source] std::io::Error),
}

impl StartError {
    /// For `map_err`: names what was being done to which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
