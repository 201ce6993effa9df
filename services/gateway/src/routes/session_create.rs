//! What a client sends to start a session, brought into the form of the command.

use crate::error::{Error, Result, Violation};
use contracts::commands::StartRun;
use contracts::{Command, Rejection};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// What a session must say; a command on NATS needs less.
const REQUIRED: [&str; 3] = ["name", "algorithm", "total_timesteps"];

/// Settings of the session itself that some clients put, or repeat, in `config`.
const ALSO_IN_CONFIG: [&str; 13] = [
    "environment_type",
    "env_width",
    "env_height",
    "num_robots",
    "coverage_weight",
    "exploration_weight",
    "diversity_weight",
    "learning_rate",
    "batch_size",
    "num_workers",
    "num_envs",
    "policy_type",
    "init_from",
];

/// What has another default than the command's only for a session that trains in one world.
const FOR_ONE_WORLD: [&str; 3] = ["learning_rate", "batch_size", "num_envs"];

/// A key of older clients that may only ask for what is always done: the team's reward is divided by its size.
const NORMALIZATION: (&str, &str) = ("reward_normalization_mode", "mean");

/// The command that a body asks for.
///
/// # Errors
/// `Invalid` with every field that is missing, unknown or wrong.
pub fn read(body: Value) -> Result<Command> {
    let Value::Object(mut fields) = body else { return Err(Error::invalid(&["body"], "must be a JSON object")) };
    drop_nulls(&mut fields);
    let missing = REQUIRED.iter().filter(|name| !fields.contains_key(**name));
    let mut violations: Vec<Violation> = missing.map(|name| Violation::new(&["body", name], "is required")).collect();
    violations.extend(lift_from_config(&mut fields));
    let drawn = fields.get("config").is_some_and(|config| config["worlds"] == "universal");
    let defaults = defaults().into_iter().filter(|(name, _)| !(drawn && FOR_ONE_WORLD.contains(&name.as_str())));
    for (name, default) in defaults {
        fields.entry(name).or_insert(default);
    }
    // One complaint is enough for a field that is not there.
    fields.entry("total_timesteps").or_insert(json!(1));
    let decoded = Command::decode("run", "start", &serde_json::to_vec(&fields)?);
    if let Err(reasons) = &decoded
        && let Error::Invalid(more) = Error::from(Rejection(reasons.clone()))
    {
        violations.extend(more);
    }
    match decoded {
        Ok(command) if violations.is_empty() => Ok(command),
        _ => Err(Error::Invalid(violations)),
    }
}

/// The command's schema with the session's defaults and required fields.
pub fn schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = StartRun::json_schema(generator);
    schema.insert("title".to_owned(), json!("SessionCreate"));
    schema.insert("required".to_owned(), json!(REQUIRED));
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, default) in defaults() {
            if let Some(property) = properties.get_mut(&name) {
                property["default"] = default;
            }
        }
        for name in ["name", "algorithm"] {
            if let Some(property) = properties.get_mut(name) {
                *property = not_null(property);
            }
        }
    }
    schema
}

/// Defaults of a session that differ from those of the bare command, as the dashboard expects them; some only
/// [for one world](FOR_ONE_WORLD).
fn defaults() -> Map<String, Value> {
    let defaults = json!({
        "environment_type": "standard", "env_width": 8, "env_height": 8, "num_robots": 1, "coverage_weight": 1.5,
        "exploration_weight": 3.0, "diversity_weight": 2.0, "learning_rate": 3e-4, "batch_size": 64, "num_workers": 1,
        "num_envs": 1, "policy_type": "MlpPolicy"
    });
    defaults.as_object().cloned().unwrap_or_default()
}

/// A null is a field that was not filled in, at any depth.
pub fn drop_nulls(fields: &mut Map<String, Value>) {
    fields.retain(|_, value| !value.is_null());
    fields.values_mut().filter_map(Value::as_object_mut).for_each(drop_nulls);
}

/// Moves the session's own settings out of `config`; one that stands in both places must be the same.
fn lift_from_config(fields: &mut Map<String, Value>) -> Vec<Violation> {
    let Some(Value::Object(config)) = fields.get_mut("config") else { return Vec::new() };
    let found = ALSO_IN_CONFIG.iter().filter_map(|name| config.remove_entry(*name));
    let found: Vec<(String, Value)> = found.collect();
    let mut violations = Vec::new();
    if let Some(mode) = config.remove(NORMALIZATION.0).filter(|mode| mode != NORMALIZATION.1) {
        let message = format!("is always `{}`, not {mode}", NORMALIZATION.1);
        violations.push(Violation::new(&["body", "config", NORMALIZATION.0], message));
    }
    for (name, value) in found {
        let said = fields.entry(name.as_str()).or_insert_with(|| value.clone());
        if !same(said, &value) {
            let message = format!("differs from the session's own `{name}`, {said}");
            violations.push(Violation::new(&["body", "config", &name], message));
        }
    }
    violations
}

/// `1` and `1.0` are one number in JSON.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// The schema of an optional field without null.
fn not_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(types) = schema.get("type").and_then(Value::as_array) {
        let kept = types.iter().find(|name| *name != "null").cloned();
        schema["type"] = kept.unwrap_or_default();
    }
    let branch = schema.get("anyOf").and_then(Value::as_array);
    let branch = branch.and_then(|branches| branches.iter().find(|branch| branch.get("$ref").is_some())).cloned();
    branch.unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: Value) -> Vec<String> {
        match read(body) {
            Err(Error::Invalid(violations)) => {
                let mut named: Vec<String> = violations.iter().map(|violation| violation.loc.join(".")).collect();
                named.sort();
                named
            }
            other => panic!("{other:?}"),
        }
    }

    fn accepted(body: Value) -> Box<StartRun> {
        match read(body) {
            Ok(Command::StartRun(start)) => start,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert_eq!(refused(json!({})), ["body.algorithm", "body.name", "body.total_timesteps"]);
        let body = json!({"name": "", "algorithm": "ppo", "total_timesteps": 0, "config": {"speed": 1}});
        assert_eq!(refused(body), ["body.config.speed", "body.name", "body.total_timesteps"]);
        assert_eq!(refused(json!([])), ["body"]);
    }

    #[test]
    fn a_null_is_a_default() {
        let body = json!({"name": "x", "algorithm": "ppo", "total_timesteps": 5, "env_width": null, "config": null});
        let start = accepted(body);
        assert_eq!((start.env_width, start.batch_size, start.num_envs), (Some(8), Some(64), Some(1)));
        assert_eq!(start.config, None);
        let config = json!({"map_config": {"map_type": "maze", "count": null}, "seed": null, "episode_log_file": null});
        let start = accepted(json!({"name": "x", "algorithm": "a3c", "total_timesteps": 5, "config": config}));
        assert!(start.config.is_some_and(|config| config.seed.is_none() && config.map_config.is_some()));
    }

    #[test]
    fn worlds_of_all_kinds_have_the_defaults_of_the_command() {
        let body =
            |worlds| json!({"name": "x", "algorithm": "ppo", "total_timesteps": 5, "config": {"worlds": worlds}});
        let start = accepted(body("universal"));
        assert_eq!(
            (start.env_width, start.num_envs, start.batch_size, start.learning_rate),
            (Some(8), None, None, None)
        );
        assert_eq!(accepted(body("fixed")).num_envs, Some(1));
        assert_eq!(refused(body("flat")), ["body.config.worlds"]);
    }

    #[test]
    fn settings_of_the_session_may_stand_in_config_but_not_differ() {
        let config = json!({"environment_type": "enhanced", "num_envs": 4, "learning_rate": 1,
                            "reward_normalization_mode": "mean", "threat_penalty_weight": 50});
        let body =
            json!({"name": "x", "algorithm": "ppo", "total_timesteps": 5, "learning_rate": 1.0, "config": config});
        let start = accepted(body.clone());
        assert_eq!((start.num_envs, start.environment_type.is_some()), (Some(4), true));
        assert_eq!(start.config.and_then(|config| config.threat_penalty_weight), Some(50.0));
        let mut differing = body;
        differing["num_envs"] = json!(5);
        differing["config"]["reward_normalization_mode"] = json!("sum");
        assert_eq!(refused(differing), ["body.config.num_envs", "body.config.reward_normalization_mode"]);
    }
}
