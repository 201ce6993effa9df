//! Upcasters bring an event payload from one version to the next; old events stay readable for ever.

use crate::events::EventError;
use serde_json::Value;

/// Turns the payload of one version into that of the next.
pub type Upcaster = fn(Value) -> Result<Value, String>;

/// Upcasters by aggregate, event and the version that they start from.
pub struct Chain(pub &'static [(&'static str, &'static str, u32, Upcaster)]);

/// Every upcaster there is. All events are still at version 1, so it is empty: the first changed payload adds the
/// first line here and keeps its old sample under `schemas/samples/`.
pub const CHAIN: Chain = Chain(&[]);

impl Chain {
    /// Applies one upcaster per version until `newest`.
    pub fn bring_to(
        &self,
        newest: u32,
        (aggregate, event, version): (&str, &str, u32),
        payload: &[u8],
    ) -> Result<Vec<u8>, EventError> {
        let kind = || format!("patrol.{aggregate}.{event}.v{version}");
        let unreadable = |source| EventError::Payload { kind: kind(), source };
        let mut value: Value = serde_json::from_slice(payload).map_err(unreadable)?;
        for from in version..newest {
            let found = self.0.iter().find(|(a, e, v, _)| *a == aggregate && *e == event && *v == from);
            let Some((_, _, _, upcaster)) = found else {
                return Err(EventError::Upcast { kind: kind(), reason: format!("no upcaster from version {from}") });
            };
            value = upcaster(value).map_err(|reason| EventError::Upcast { kind: kind(), reason })?;
        }
        serde_json::to_vec(&value).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rename(mut value: Value) -> Result<Value, String> {
        let object = value.as_object_mut().ok_or("not an object")?;
        let steps = object.remove("steps").ok_or("`steps` is missing")?;
        object.insert("timestep".into(), steps);
        Ok(value)
    }

    fn add_outcome(mut value: Value) -> Result<Value, String> {
        value.as_object_mut().ok_or("not an object")?.insert("outcome".into(), json!("finished"));
        Ok(value)
    }

    const SAMPLE: Chain = Chain(&[("run", "completed", 1, rename), ("run", "completed", 2, add_outcome)]);

    #[test]
    fn versions_are_brought_up_one_by_one_and_unknown_fields_survive() {
        let old = br#"{"steps": 5, "extra": [1]}"#;
        let new = SAMPLE.bring_to(3, ("run", "completed", 1), old).unwrap();
        let new: Value = serde_json::from_slice(&new).unwrap();
        assert_eq!(new, json!({"timestep": 5, "outcome": "finished", "extra": [1]}));
    }

    #[test]
    fn a_gap_in_the_chain_and_a_payload_that_does_not_fit_are_errors() {
        let gap = SAMPLE.bring_to(4, ("run", "completed", 2), b"{}").unwrap_err();
        assert!(gap.to_string().contains("no upcaster from version 3"), "{gap}");
        let missing = SAMPLE.bring_to(2, ("run", "completed", 1), b"{}").unwrap_err();
        assert!(missing.to_string().contains("`steps` is missing"), "{missing}");
    }
}
