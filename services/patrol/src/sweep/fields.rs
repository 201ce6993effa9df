//! Which fields of the start command a sweep may vary: none that it decides itself, and none twice.

use super::space::Parameter;
use anyhow::{Result, bail, ensure};

/// What a sweep writes into the command of every run, and what to write instead.
const DECIDED: [(&str, &str); 5] = [
    ("name", "the runs have the name of the sweep"),
    ("run_id", "the ids of the runs follow from the name of the sweep"),
    ("parent_run_id", "give the parent with `--base`"),
    ("total_timesteps", "give the steps with `--steps`"),
    ("config.seed", "give the first seed with `--seed`, and how many there are with `--seeds`"),
];

/// Fields of [`DECIDED`] that may be set for all runs: the sweep reads them before it writes them.
const COMMON: [&str; 2] = ["total_timesteps", "config.seed"];

/// # Errors
/// When a trial would not train with the value that it is ranked under.
pub fn check_parameters(parameters: &[Parameter]) -> Result<()> {
    for (index, parameter) in parameters.iter().enumerate() {
        let field = &parameter.field;
        if let Some((decided, advice)) = DECIDED.iter().find(|(decided, _)| overlap(field, decided)) {
            bail!("`--param {field}`: a sweep sets `{decided}` itself: {advice}");
        }
        let before = parameters[..index].iter().find(|before| overlap(field, &before.field));
        if let Some(before) = before {
            bail!("`--param {field}` and `--param {}` set the same field: list all its values at once", before.field);
        }
    }
    Ok(())
}

/// # Errors
/// When `--set` names a field that the sweep overwrites.
pub fn check_settings(settings: &[String]) -> Result<()> {
    for (field, _) in settings.iter().filter_map(|setting| setting.split_once('=')) {
        let decided = DECIDED.iter().find(|(decided, _)| field == *decided && !COMMON.contains(decided));
        ensure!(
            decided.is_none(),
            "`--set {field}`: a sweep sets it itself: {}",
            decided.map_or("", |(_, advice)| advice)
        );
    }
    Ok(())
}

/// Whether one of two fields is the other or holds it.
fn overlap(one: &str, other: &str) -> bool {
    let holds = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    one == other || holds(one, other) || holds(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(texts: &[&str]) -> Option<String> {
        let parameters: Vec<Parameter> = texts.iter().map(|text| text.parse().expect(text)).collect();
        check_parameters(&parameters).err().map(|error| error.to_string())
    }

    #[test]
    fn what_a_sweep_decides_itself_is_no_parameter() {
        for field in ["name", "run_id", "parent_run_id", "total_timesteps", "config.seed", "config", "config.seed.x"] {
            assert!(refused(&[&format!("{field}=5,6")]).is_some(), "{field}");
        }
        let advice = refused(&["config.seed=5,6"]).expect("a refusal");
        assert!(advice.contains("--seeds") && advice.lines().count() == 1, "{advice}");
    }

    #[test]
    fn a_field_is_varied_once() {
        let twice = refused(&["learning_rate=0.001,0.002", "learning_rate=0.003"]).expect("a refusal");
        assert!(twice.contains("list all its values at once"), "{twice}");
        assert!(refused(&["config.map_config={}", "config.map_config.map_type=maze"]).is_some());
        assert_eq!(refused(&["config.gamma=0.9", "config.gae_lambda=0.9", "learning_rate=0.001"]), None);
    }

    #[test]
    fn ids_and_names_are_not_set_for_all_runs() {
        let check = |setting: &str| check_settings(&[setting.to_owned()]);
        for refused in ["run_id=1", "parent_run_id=1", "name=x"] {
            assert!(check(refused).is_err(), "{refused}");
        }
        for taken in ["total_timesteps=512", "config.seed=3", "config.gamma=0.9"] {
            assert!(check(taken).is_ok(), "{taken}");
        }
    }
}
