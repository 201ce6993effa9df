//! Configuration from environment variables: every mistake is found in one go, none is ignored.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;

/// Reads variables and remembers what is wrong with them; [`finish`](Self::finish) tells.
///
/// Each configuration struct has `fn read(&mut EnvironmentReader) -> Self`; services compose them. An empty variable
/// counts as absent, because compose files and shells set empty ones easily.
#[derive(Clone, Default)]
pub struct EnvironmentReader {
    variables: BTreeMap<String, String>,
    mistakes: Vec<String>,
}

/// Every mistake, one line each. The process ends with exit code 2 (see [`Self::EXIT_CODE`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .mistakes.join("\n"))]
pub struct ConfigurationError {
    pub mistakes: Vec<String>,
}

impl ConfigurationError {
    pub const EXIT_CODE: u8 = 2;
}

impl EnvironmentReader {
    /// The variables of this process.
    pub fn from_process() -> Self {
        let mut reader = Self::default();
        for (name, value) in std::env::vars_os() {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => drop(reader.variables.insert(name, value)),
                // Only a mistake if somebody asks for it; a marker that no parser accepts makes it one.
                (Ok(name), Err(value)) => drop(reader.variables.insert(name, value.to_string_lossy().into_owned())),
                (Err(_), _) => {}
            }
        }
        reader
    }

    /// Given variables, for tests and for the executable that overrides some.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, mistakes: Vec::new() }
    }

    /// Sets a variable for those who read it later; for example the address of a server that was just started.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    /// Sets a variable unless it has a value.
    pub fn set_default(&mut self, name: &str, value: impl Into<String>) {
        let current = self.variables.entry(name.to_owned()).or_default();
        if current.is_empty() {
            *current = value.into();
        }
    }

    /// The value, or `None` when absent. A value that cannot be read is a mistake and gives `None` too.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.variables.get(name).filter(|text| !text.is_empty())?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.mistakes.push(format!("{name}: `{}` cannot be used: {error}", without_password(text)));
                None
            }
        }
    }

    /// The value, or the documented default.
    ///
    /// # Panics
    /// When the default itself cannot be read, which any test finds.
    pub fn or_default<T: FromStr<Err: Display>>(&mut self, name: &str, default: &str) -> T {
        self.optional(name).unwrap_or_else(|| match default.parse() {
            Ok(value) => value,
            Err(error) => panic!("the default `{default}` of {name}: {error}"),
        })
    }

    /// The value; absence is a mistake. `purpose` completes "set it to …".
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str, purpose: &str) -> Option<T> {
        if self.variables.get(name).is_none_or(String::is_empty) {
            self.mistakes.push(format!("{name} is not set: set it to {purpose}"));
        }
        self.optional(name)
    }

    /// Like [`optional`](Self::optional); neither logs nor mistakes ever show the value.
    pub fn secret(&mut self, name: &str) -> Option<Secret> {
        self.variables.get(name).filter(|text| !text.is_empty()).map(|text| Secret(text.clone()))
    }

    /// A mistake that concerns several variables, or a range.
    pub fn mistake(&mut self, line: impl Into<String>) {
        self.mistakes.push(line.into());
    }

    /// # Errors
    /// All mistakes made so far.
    pub fn finish(self) -> Result<(), ConfigurationError> {
        if self.mistakes.is_empty() { Ok(()) } else { Err(ConfigurationError { mistakes: self.mistakes }) }
    }
}

/// Values may be secrets: only the names show.
impl fmt::Debug for EnvironmentReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.variables.keys().collect();
        formatter.debug_struct("EnvironmentReader").field("names", &names).field("mistakes", &self.mistakes).finish()
    }
}

/// `postgres://user:…@host` for `postgres://user:password@host`.
fn without_password(text: &str) -> String {
    let parts = text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
    match parts {
        Some((scheme, (user_info, host))) => {
            let user = user_info.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}")
        }
        None => text.to_owned(),
    }
}

/// A password or token that does not show in `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; the call says at each place that it leaves our hands.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}
