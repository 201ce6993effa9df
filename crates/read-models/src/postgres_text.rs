//! Values as Postgres can hold them.

use serde::Serialize;
use serde_json::Value;

/// The largest whole number of a `bigint` column stands for all that are larger.
pub(crate) fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// As [`bigint`], for `integer` columns.
pub(crate) fn integer(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Postgres has no NUL in text; JSON strings may hold one. It becomes U+FFFD, so that no text can stop a projection.
pub(crate) fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The same for every string in a JSON value.
pub(crate) fn json(value: &Value) -> Value {
    match value {
        Value::String(string) => Value::String(text(string)),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (text(name), json(value))).collect(),
        other => other.clone(),
    }
}

/// A closed enum as it stands in JSON, e.g. `ppo`.
pub(crate) fn token(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(token)) => token,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nul_never_reaches_postgres() {
        assert_eq!(text("a\0b"), "a\u{fffd}b");
        assert_eq!(super::json(&json!({"a\0": ["\0", 1, null]})), json!({"a\u{fffd}": ["\u{fffd}", 1, null]}));
    }

    #[test]
    fn numbers_saturate() {
        assert_eq!((bigint(u64::MAX), integer(u32::MAX), bigint(5)), (i64::MAX, i32::MAX, 5));
    }
}
