//! The promises of the files under `schemas/`: old payloads stay readable, and a shape changes only with its version.

use contracts::{Command, Event, schemas};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Kind (`patrol.run.started.v1`) and content of every frozen sample.
fn samples() -> BTreeMap<String, Value> {
    let files = fs::read_dir(directory().join("samples")).expect("schemas/samples");
    let paths = files.map(|file| file.expect("a file").path());
    let kind = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    paths.map(|path| (kind(&path), read(&path))).collect()
}

/// Current kind and schema file of every command and event.
fn current() -> BTreeMap<String, String> {
    let commands = Command::ALL.iter().map(|(aggregate, verb)| ("commands", format!("{aggregate}.{verb}.v1")));
    let events =
        Event::ALL.iter().map(|(aggregate, event, version)| ("events", format!("{aggregate}.{event}.v{version}")));
    commands.chain(events).map(|(folder, name)| (format!("patrol.{name}"), format!("{folder}/{name}.json"))).collect()
}

/// Aggregate and verb, if `kind` is a command's.
fn command_of(kind: &str) -> Option<(&'static str, &'static str)> {
    Command::ALL.iter().copied().find(|(aggregate, verb)| kind == format!("patrol.{aggregate}.{verb}.v1"))
}

/// What the current code makes of a payload.
fn read_again(kind: &str, payload: &Value) -> Value {
    let bytes = payload.to_string().into_bytes();
    let json = match command_of(kind) {
        Some((aggregate, verb)) => {
            Command::decode(aggregate, verb, &bytes).unwrap_or_else(|reasons| panic!("{kind}: {reasons:?}")).to_json()
        }
        None => Event::decode(kind, &bytes).unwrap_or_else(|error| panic!("{kind}: {error:?}")).to_json(),
    };
    serde_json::from_slice(&json.expect("JSON")).expect("JSON")
}

#[test]
fn every_sample_of_any_version_can_be_read() {
    for (kind, sample) in samples() {
        read_again(&kind, &sample);
    }
}

#[test]
fn every_current_kind_has_a_sample_with_every_field() {
    let samples = samples();
    for kind in current().keys() {
        let sample = samples.get(kind).unwrap_or_else(|| panic!("schemas/samples/{kind}.json is missing: write one"));
        assert_eq!(
            &read_again(kind, sample),
            sample,
            "schemas/samples/{kind}.json does not hold every field of {kind}"
        );
        assert!(!sample.to_string().contains("null"), "schemas/samples/{kind}.json leaves a field out");
    }
}

#[test]
fn samples_satisfy_their_schemas() {
    for (kind, sample) in samples() {
        let name = kind.strip_prefix("patrol.").expect("a kind");
        let folder = if command_of(&kind).is_some() { "commands" } else { "events" };
        let validator = jsonschema::validator_for(&read(&directory().join(folder).join(format!("{name}.json"))));
        let validator = validator.expect("a schema");
        let errors: Vec<_> = validator.iter_errors(&sample).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{kind}: {errors:?}");
    }
}

#[test]
fn a_shape_changes_only_with_its_version() {
    let generated: BTreeMap<String, Value> = schemas::all().into_iter().collect();
    for (kind, file) in current() {
        let frozen = read(&directory().join(&file));
        assert_eq!(
            frozen, generated[&file],
            "schemas/{file} differs from {kind} in the code: a changed payload is a new version with an upcaster; \
             for changed words alone run `cargo xtask schemas`"
        );
    }
}

#[test]
fn unknown_fields_are_ignored_in_events_and_refused_in_commands() {
    for (kind, mut sample) in samples() {
        sample["from_the_future"] = json!([1]);
        match command_of(&kind) {
            Some((aggregate, verb)) => {
                let reasons = Command::decode(aggregate, verb, sample.to_string().as_bytes()).expect_err(&kind);
                assert_eq!(reasons[0].field, "/from_the_future", "{kind}");
                assert_eq!(reasons[0].code, "unknown_field", "{kind}");
            }
            None => drop(read_again(&kind, &sample)),
        }
    }
}

/// Payloads from before a field joined lack it; they mean the same, and are written again as they were.
#[test]
fn fields_that_joined_later_may_be_missing() {
    let joined = [
        ("patrol.run.requested.v1", "/config/evaluation", "early_stopping"),
        ("patrol.run.requested.v1", "/config/learning", "final_learning_rate_fraction"),
        ("patrol.run.requested.v1", "/config/learning", "final_entropy_coefficient"),
        ("patrol.run.requested.v1", "/config/learning", "clip_range_value"),
        ("patrol.run.requested.v1", "/config/learning", "normalize_returns"),
        ("patrol.run.requested.v1", "/config/learning", "tour_anchor"),
        ("patrol.run.requested.v1", "/config/learning", "calm_shaping"),
        ("patrol.run.requested.v1", "/config/learning", "hidden_size"),
        ("patrol.run.requested.v1", "/config/learning", "adam_epsilon"),
        ("patrol.run.requested.v1", "/config", "worlds"),
        ("patrol.training.progressed.v1", "", "mean_episode_length"),
        ("patrol.training.progressed.v1", "/diagnostics", "rollout"),
        ("patrol.training.progressed.v1", "/diagnostics", "old_approx_kl"),
        ("patrol.training.progressed.v1", "/diagnostics", "update_seconds"),
        ("patrol.training.progressed.v1", "/diagnostics", "rollout_seconds"),
        ("patrol.evaluation.completed.v1", "/sampled", "full_coverage_share"),
        ("patrol.evaluation.completed.v1", "/sampled", "probability_better_than_tour_bounds"),
        ("patrol.evaluation.completed.v1", "/argmax", "probability_better_than_greedy_bounds"),
        ("patrol.evaluation.completed.v1", "/sampled/mean_threat", "iqm_bounds"),
        ("patrol.evaluation.baselines_completed.v1", "/agents/0", "full_coverage_share"),
    ];
    let samples = samples();
    for (kind, place, field) in joined {
        let mut sample = samples[kind].clone();
        let object = sample.pointer_mut(place).and_then(Value::as_object_mut).expect(place);
        object.remove(field).expect(field);
        assert_eq!(read_again(kind, &sample), sample, "{kind} without {field}");
    }
}
