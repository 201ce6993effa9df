//! Strict reading of command payloads: every field that is wrong is named, not only the first.

use crate::commands::Command;
use jsonschema::Validator;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Payloads above this many bytes are refused unread.
pub const MAX_COMMAND_BYTES: usize = 64 * 1024;
/// A refusal lists at most this many reasons.
const MAX_REASONS: usize = 50;

/// One thing that is wrong with a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// JSON Pointer (RFC 6901) to the field; empty for the command as a whole.
    pub field: String,
    /// Stable, for machines: `invalid`, `unknown_field`, `missing`, `not_found`, `conflict`, …
    pub code: String,
    /// One sentence for people.
    pub message: String,
}

impl Reason {
    pub fn new(field: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.to_owned(), message: message.into() }
    }
}

/// A command that has no effect, with every reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", summary(.0))]
pub struct Rejection(pub Vec<Reason>);

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self(vec![reason])
    }
}

/// The reason for a subject that names no command.
pub fn unknown_command(aggregate: &str, verb: &str) -> Reason {
    let known: Vec<String> = Command::ALL.iter().map(|(aggregate, verb)| format!("{aggregate}.{verb}")).collect();
    let sent: String = format!("{aggregate}.{verb}").chars().take(120).collect();
    Reason::new("", "unknown_command", format!("`{sent}` is not a command; commands are {}", known.join(", ")))
}

/// Validates `payload` against the command's schema, then reads it.
pub fn decode<T: DeserializeOwned>(aggregate: &str, verb: &str, payload: &[u8]) -> Result<T, Vec<Reason>> {
    if payload.len() > MAX_COMMAND_BYTES {
        let message = format!("the payload has {} bytes; at most {MAX_COMMAND_BYTES} are read", payload.len());
        return Err(vec![Reason::new("", "too_large", message)]);
    }
    let not_json = |error: serde_json::Error| vec![Reason::new("", "not_json", format!("not valid JSON: {error}"))];
    let value: Value = serde_json::from_slice(payload).map_err(not_json)?;
    if let Some(validator) = VALIDATORS.get(&(aggregate, verb)) {
        let reasons: Vec<Reason> =
            validator.iter_errors(&value).flat_map(|error| reasons_of(&error)).take(MAX_REASONS).collect();
        if !reasons.is_empty() {
            return Err(reasons);
        }
    }
    serde_json::from_value(value).map_err(|error| vec![Reason::new("", "invalid", error.to_string())])
}

static VALIDATORS: LazyLock<HashMap<(&str, &str), Validator>> = LazyLock::new(|| {
    let validator = |&(aggregate, verb): &(&'static str, &'static str)| {
        let schema = Command::schema(aggregate, verb)?;
        Some(((aggregate, verb), jsonschema::validator_for(schema.as_value()).ok()?))
    };
    Command::ALL.iter().filter_map(validator).collect()
});

fn reasons_of(error: &jsonschema::ValidationError<'_>) -> Vec<Reason> {
    use jsonschema::error::ValidationErrorKind as Kind;
    let field = error.instance_path().to_string();
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| {
                Reason::new(format!("{field}/{name}"), "unknown_field", format!("`{name}` is not a known field"))
            })
            .collect(),
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Reason::new(format!("{field}/{name}"), "missing", format!("`{name}` is required"))]
        }
        // An optional field is "its type or null": what is wrong is what the type finds wrong.
        Kind::AnyOf { context } if context.len() > 1 && !error.instance().is_null() => {
            let branches = context.iter().filter(|branch| !branch.iter().any(expects_null));
            branches.flatten().flat_map(reasons_of).collect()
        }
        _ => vec![Reason::new(field, "invalid", error.to_string().chars().take(300).collect::<String>())],
    }
}

fn expects_null(error: &jsonschema::ValidationError<'_>) -> bool {
    error.schema_path().as_str().ends_with("/type") && error.to_string().ends_with("type \"null\"")
}

fn summary(reasons: &[Reason]) -> String {
    let line = |reason: &Reason| match reason.field.as_str() {
        "" => reason.message.clone(),
        field => format!("{field}: {}", reason.message),
    };
    reasons.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(payload: &str) -> Vec<(String, String)> {
        let reasons = Command::decode("run", "start", payload.as_bytes()).unwrap_err();
        let mut named: Vec<_> = reasons.into_iter().map(|reason| (reason.field, reason.code)).collect();
        named.sort();
        named
    }

    #[test]
    fn every_wrong_field_is_named() {
        let named = reasons(r#"{"env_width": 2, "num_robots": 11, "wings": 2, "config": {"speed": 1, "gamma": 2}}"#);
        let expected = [
            ("/config/gamma", "invalid"),
            ("/config/speed", "unknown_field"),
            ("/env_width", "invalid"),
            ("/num_robots", "invalid"),
            ("/total_timesteps", "missing"),
            ("/wings", "unknown_field"),
        ];
        assert_eq!(named, expected.map(|(field, code)| (field.to_owned(), code.to_owned())));
    }

    #[test]
    fn a_hidden_layer_fills_whole_vectors() {
        let refused = |size| {
            let payload = format!(r#"{{"total_timesteps": 1, "config": {{"hidden_size": {size}}}}}"#);
            Command::decode("run", "start", payload.as_bytes()).err().map(|reasons| summary(&reasons))
        };
        assert_eq!([8, 24, 512].map(refused), [None, None, None]);
        assert_eq!(refused(12).as_deref(), Some("/config/hidden_size: 12 is not a multiple of 8"));
        assert_eq!(refused(520).as_deref(), Some("/config/hidden_size: 520 is greater than the maximum of 512"));
    }

    #[test]
    fn what_is_not_json_or_not_a_command_is_refused() {
        assert_eq!(reasons("{"), [(String::new(), "not_json".to_owned())]);
        let unknown = Command::decode("run", "fly", b"{}").unwrap_err();
        assert_eq!(unknown[0].code, "unknown_command");
    }

    #[test]
    fn the_smallest_start_is_accepted() {
        let command = Command::decode("run", "start", br#"{"total_timesteps": 1000}"#).unwrap();
        assert_eq!(command.kind(), "patrol.run.start.v1");
    }

    #[test]
    fn every_command_has_a_validator() {
        assert_eq!(VALIDATORS.len(), Command::ALL.len());
    }
}
