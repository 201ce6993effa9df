//! How a command fails: one line that says what to do, and an exit code that shells understand.

use service_runtime::ConfigurationError;
use service_runtime::telemetry::TelemetryError;
use std::process::ExitCode;

/// The system understood and did not do it.
const UNSUCCESSFUL: u8 = 3;

/// What went wrong, with its exit code.
#[derive(Debug)]
pub enum Failure {
    /// Exit code 1.
    Error(anyhow::Error),
    /// Exit code 2: one line per mistake.
    Configuration(ConfigurationError),
    /// Exit code 3: the system said no; every reason on a line.
    Rejected(Vec<String>),
    /// Exit code 3: what was accepted came to nothing, and why.
    Failed(String, String),
}

impl Failure {
    /// One mistake in the configuration.
    pub fn configuration(mistake: String) -> Self {
        Self::Configuration(ConfigurationError { mistakes: vec![mistake] })
    }

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
                ExitCode::from(UNSUCCESSFUL)
            }
            Self::Failed(what, reason) => {
                eprintln!("patrol: {what}: {reason}");
                ExitCode::from(UNSUCCESSFUL)
            }
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: anyhow::Error = error.into();
        if error.is::<TelemetryError>() {
            // LOG_LEVEL or LOG_DIR.
            return Self::configuration(format!("{error:#}"));
        }
        error.downcast().map_or_else(Self::Error, Self::Configuration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn mistakes_in_the_configuration_stay_what_they_are_on_their_way_up() {
        let mistaken = || ConfigurationError { mistakes: vec!["A".to_owned(), "B".to_owned()] };
        let through_anyhow = || -> anyhow::Result<()> { Err(mistaken())? };
        let arrived = through_anyhow().map_err(Failure::from);
        assert!(matches!(arrived, Err(Failure::Configuration(error)) if error == mistaken()));
        assert!(matches!(Failure::from(anyhow!("another")), Failure::Error(_)));
    }
}
