//! What can go wrong, and whose fault it is.

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A segment that can never be archived: its sender has to change it.
    #[error("{0}")]
    Invalid(String),
    /// Arrow or Parquet could not write or read what this process made or stored itself.
    #[error("Arrow could not {action}")]
    Arrow {
        action: &'static str,
        #[source]
        source: arrow::error::ArrowError,
    },
    #[error("Parquet could not {action}")]
    Parquet {
        action: &'static str,
        #[source]
        source: parquet::errors::ParquetError,
    },
    #[error("`{key}` is not a key of the object store: {reason}")]
    Key { key: String, reason: &'static str },
    #[error("the store URL `{url}` cannot be used: {reason}")]
    StoreUrl { url: String, reason: String },
    /// Somebody or something changed what was stored.
    #[error("`{key}` does not have the recorded SHA-256")]
    Digest { key: String },
    #[error("the object store could not {action} `{key}`: {}", in_one_line(reason))]
    Store { action: &'static str, key: String, reason: object_store::Error },
}

impl Error {
    /// A refusal with a reason for the sender.
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid(reason.into())
    }

    /// The sender's fault: sending the same again cannot succeed.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid(_))
    }

    /// The bytes are not those that were stored.
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Digest { .. })
    }

    /// The store has nothing under that key.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Store { reason: object_store::Error::NotFound { .. }, .. })
    }
}

/// Without the document in which S3 says it, but for its message, and without the causes, which the text repeats.
fn in_one_line(error: &object_store::Error) -> String {
    let text = error.to_string();
    let (before, document) = text.split_once("<?xml").unwrap_or((&text, ""));
    let message = document.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>"));
    let before = before.lines().next().unwrap_or_default();
    format!("{before}{}", message.map_or("", |(message, _)| message))
}

/// For `map_err` on Arrow's results.
pub(crate) fn arrow(action: &'static str) -> impl Fn(arrow::error::ArrowError) -> Error {
    move |source| Error::Arrow { action, source }
}

/// For `map_err` on Parquet's results.
pub(crate) fn parquet(action: &'static str) -> impl Fn(parquet::errors::ParquetError) -> Error {
    move |source| Error::Parquet { action, source }
}
