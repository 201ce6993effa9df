//! Comparing a definition with what the server echoes back.

use serde_json::Value;
use std::fmt;

/// One field whose value on the server is not the defined one.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldDrift {
    pub field: String,
    pub defined: Value,
    pub found: Value,
}

impl fmt::Display for FieldDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, defined as {}", self.field, self.found, self.defined)
    }
}

/// Every field of `defined` that `found` has otherwise. The server leaves out fields that have their zero value, and an
/// old one those that it does not know: both read as that zero value.
pub(crate) fn compare(defined: &Value, found: &Value) -> Vec<FieldDrift> {
    let Some(fields) = defined.as_object() else { return Vec::new() };
    let differs = |(field, defined): (&String, &Value)| {
        let found = found.get(field).unwrap_or(&Value::Null);
        let same = defined == found || (found.is_null() && is_zero(defined)) || one_filter(field, defined, found);
        (!same).then(|| FieldDrift { field: field.clone(), defined: defined.clone(), found: found.clone() })
    };
    let mut drift: Vec<_> = fields.iter().filter_map(differs).collect();
    drift.sort_by(|a, b| a.field.cmp(&b.field));
    drift
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// The order of subjects means nothing.
fn one_filter(field: &str, defined: &Value, found: &Value) -> bool {
    let sorted = |value: &Value| {
        let mut items: Vec<String> = value.as_array()?.iter().map(Value::to_string).collect();
        items.sort();
        Some(items)
    };
    matches!(field, "subjects" | "filter_subjects") && sorted(defined).is_some() && sorted(defined) == sorted(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_exactly_the_fields_that_differ() {
        let defined =
            json!({ "name": "S", "max_bytes": 10, "deny_delete": true, "max_age": 0, "subjects": ["a", "b"] });
        let found = json!({ "name": "S", "max_bytes": 20, "subjects": ["b", "a"], "metadata": { "_nats.ver": "2" } });
        let drift = compare(&defined, &found);
        let fields: Vec<_> = drift.iter().map(|drift| drift.field.as_str()).collect();
        assert_eq!(fields, ["deny_delete", "max_bytes"]);
        assert_eq!(drift[1].to_string(), "max_bytes is 20, defined as 10");
    }

    #[test]
    fn equal_is_equal() {
        let defined = json!({ "name": "S", "description": "", "subjects": ["a"] });
        assert_eq!(compare(&defined, &defined), []);
    }
}
