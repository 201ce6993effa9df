//! How a command fails: one line that says what to do, and an exit code that shells understand.

use service_runtime::ConfigurationError;
use std::process::ExitCode;

/// What went wrong, with its exit code.
#[derive(Debug)]
pub enum Failure {
    /// Exit code 1.
    Error(anyhow::Error),
    /// Exit code 2: one line per mistake.
    Configuration(ConfigurationError),
    /// Exit code 3: the system said no; every reason on a line.
    Rejected(Vec<String>),
}

impl Failure {
    /// Prints the failure on standard error.
    pub fn report(self) -> ExitCode {
        match self {
            Self::Error(error) => {
                eprintln!("patrol: {error:#}");
                ExitCode::FAILURE
            }
            Self::Configuration(error) => {
                error.mistakes.iter().for_each(|mistake| eprintln!("patrol: {mistake}"));
                ExitCode::from(ConfigurationError::EXIT_CODE)
            }
            Self::Rejected(reasons) => {
                eprintln!("patrol: the command was rejected");
                reasons.iter().for_each(|reason| eprintln!("  {reason}"));
                ExitCode::from(3)
            }
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}
