//! Strict reading of command payloads: every field that is wrong is named, not only the first.

use crate::commands::Command;
use crate::config::MAX_SEED;
use jsonschema::Validator;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use serde_path_to_error::Segment;
use std::collections::HashMap;
use std::sync::LazyLock;
use uuid::Uuid;

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
    read(&value).or_else(|_| read(&with_whole_numbers(value))).map_err(|reason| vec![reason])
}

/// What is wrong by now is what the schema cannot say; the first such field is named.
fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Reason> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().iter().map(pointer_token).collect::<String>();
        Reason::new(field, "invalid", error.into_inner().to_string())
    })
}

fn pointer_token(segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    }
}

/// `1000.0` and `1e3` are integers in JSON Schema, and what some languages make of them, but not in serde.
fn with_whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole(&number).unwrap_or(number)),
        Value::Array(items) => items.into_iter().map(with_whole_numbers).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, with_whole_numbers(value))).collect(),
        other => other,
    }
}

/// The same number as an integer, if it is one that a double holds exactly.
fn whole(number: &Number) -> Option<Number> {
    let value = number.as_f64().filter(|value| number.is_f64() && value.fract() == 0.0)?;
    (value.abs() <= MAX_SEED as f64).then(|| Number::from(value as i64))
}

static VALIDATORS: LazyLock<HashMap<(&str, &str), Validator>> = LazyLock::new(|| {
    // Every way to write a UUID that is read is right.
    let options =
        jsonschema::options().should_validate_formats(true).with_format("uuid", |id| Uuid::parse_str(id).is_ok());
    let validator = |&(aggregate, verb): &(&'static str, &'static str)| {
        let schema = Command::schema(aggregate, verb)?;
        Some(((aggregate, verb), options.clone().build(schema.as_value()).ok()?))
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
        Kind::Enum { .. } | Kind::OneOfNotValid { .. } if !choices(error).is_empty() => {
            let sent: String = error.instance().to_string().chars().take(120).collect();
            vec![Reason::new(field, "invalid", format!("{sent} is not one of {}", choices(error).join(", ")))]
        }
        Kind::Format { format } if format == "uuid" => {
            let sent: String = error.instance().to_string().chars().take(120).collect();
            vec![Reason::new(field, "invalid", format!("{sent} is not a UUID"))]
        }
        _ => vec![Reason::new(field, "invalid", error.to_string().chars().take(300).collect::<String>())],
    }
}

/// What a field may be that has a closed set of values. A set whose values are explained one by one is a `oneOf`.
fn choices(error: &jsonschema::ValidationError<'_>) -> Vec<String> {
    use jsonschema::error::ValidationErrorKind as Kind;
    match error.kind() {
        Kind::Enum { options } => options.as_array().into_iter().flatten().map(Value::to_string).collect(),
        Kind::Constant { expected_value } => vec![expected_value.to_string()],
        Kind::OneOfNotValid { context } => context.iter().flatten().flat_map(choices).collect(),
        _ => Vec::new(),
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

    fn named<const N: usize>(reasons: [(&str, &str); N]) -> Vec<(String, String)> {
        reasons.map(|(field, code)| (field.to_owned(), code.to_owned())).to_vec()
    }

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
        assert_eq!(named, self::named(expected));
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
    fn whole_numbers_may_be_written_as_floats() {
        let start = |payload: &str| Command::decode("run", "start", payload.as_bytes()).unwrap();
        let floats = r#"{"total_timesteps": 1e6, "env_width": 8.0, "learning_rate": 1.0, "config": {"seed": 4.0, "map_config": {"map_type": "cave", "count": 5.0}}}"#;
        let integers = r#"{"total_timesteps": 1000000, "env_width": 8, "learning_rate": 1, "config": {"seed": 4, "map_config": {"map_type": "cave", "count": 5}}}"#;
        assert_eq!(start(floats), start(integers));
        assert_eq!(reasons(r#"{"total_timesteps": 1000.5}"#), named([("/total_timesteps", "invalid")]));
        let blob = |bytes: &str, about: &str| {
            let blob = format!(r#"{{"uri": "a", "sha256": "{}", "bytes": {bytes}}}"#, "a".repeat(64));
            let id = Uuid::from_u128(1);
            let payload =
                format!(r#"{{"file_id": "{id}", "original_filename": "a", "blob": {blob}, "metadata": {about}}}"#);
            Command::decode("archive", "register_model", payload.as_bytes())
        };
        // What a client says about its model is left as it is.
        let Ok(Command::RegisterModel(model)) = blob("7", r#"{"version": 2.0}"#) else { panic!("not read") };
        assert_eq!(serde_json::to_string(&model.metadata).unwrap(), r#"{"version":2.0}"#);
        // No schema bounds this one, but the number has to be exact.
        let reason = blob("1e300", "{}").unwrap_err().remove(0);
        assert_eq!((reason.field.as_str(), reason.code.as_str()), ("/blob/bytes", "invalid"));
    }

    #[test]
    fn ids_that_are_no_uuids_are_named() {
        let wrong = r#"{"total_timesteps": 1, "run_id": "mine", "parent_run_id": "yours", "resume_from": "x"}"#;
        let expected = [("/parent_run_id", "invalid"), ("/resume_from", "invalid"), ("/run_id", "invalid")];
        assert_eq!(reasons(wrong), named(expected));
        assert_eq!(
            summary(&Command::decode("run", "pause", br#"{"run_id": "mine"}"#).unwrap_err()),
            r#"/run_id: "mine" is not a UUID"#
        );
        let simple = br#"{"run_id": "018f0000000070008000000000000001"}"#;
        assert!(Command::decode("run", "pause", simple).is_ok(), "as it is written without hyphens");
    }

    #[test]
    fn every_choice_is_listed() {
        let refused = |payload: &str| summary(&Command::decode("run", "start", payload.as_bytes()).unwrap_err());
        let algorithm = refused(r#"{"total_timesteps": 1, "algorithm": "dqn"}"#);
        assert_eq!(algorithm, r#"/algorithm: "dqn" is not one of "ppo", "a3c""#);
        let map = refused(r#"{"total_timesteps": 1, "config": {"map_config": {"map_type": "bogus"}}}"#);
        assert_eq!(map, r#"/config/map_config/map_type: "bogus" is not one of "random", "maze", "room", "cave""#);
        let recording = refused(r#"{"total_timesteps": 1, "config": {"recording": "some"}}"#);
        assert_eq!(recording, r#"/config/recording: "some" is not one of "none", "full", "actions", "sampled""#);
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
