//! `schemas/`: JSON Schemas of commands and events, the archive's tables and the AsyncAPI document, from the code.
//!
//! The schema of a command or an event is frozen with its version: other words are fine, another shape is refused.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Writes every file, or compares with it. `unreleased` also replaces shapes, of versions that nobody has used yet.
pub fn run(root: &Path, check: bool, unreleased: bool) -> Result<()> {
    let documents = documents(root)?;
    let directory = root.join("schemas");
    let stale: Vec<_> =
        documents.iter().filter(|(name, document)| current(&directory, name) != text(document)).collect();
    if check {
        let names: Vec<&str> = stale.iter().map(|(name, _)| name.as_str()).collect();
        ensure!(
            stale.is_empty(),
            "out of date in schemas/: {}; run `cargo xtask schemas` and commit",
            names.join(", ")
        );
    } else {
        for (name, document) in &stale {
            write(&directory, name, document, unreleased)?;
        }
    }
    println!("schemas: {} files, {} written", documents.len(), if check { 0 } else { stale.len() });
    Ok(())
}

/// Path below `schemas/` and content of every generated file.
fn documents(root: &Path) -> Result<Vec<(String, Value)>> {
    let mut documents = contracts::schemas::all();
    documents.push(("asyncapi/asyncapi.json".to_owned(), contracts::schemas::asyncapi()));
    documents.extend(tables(root)?);
    Ok(documents)
}

/// The archive's tables, by a program of their crate: a dependency on it would make every chore compile Arrow.
fn tables(root: &Path) -> Result<Vec<(String, Value)>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["run", "--quiet", "--package", "trajectories", "--example", "schemas"];
    let output = Command::new(cargo).args(arguments).current_dir(root).output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the tables' schemas were not printed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("the tables' schemas are not JSON")
}

fn write(directory: &Path, name: &str, document: &Value, unreleased: bool) -> Result<()> {
    let path = directory.join(name);
    let frozen: Option<Value> = serde_json::from_str(&current(directory, name)).ok();
    let versioned = name.starts_with("commands/") || name.starts_with("events/");
    if let Some(frozen) = frozen.filter(|frozen| versioned && !unreleased && shape(frozen) != shape(document)) {
        let found = first_difference(&shape(&frozen), &shape(document), "");
        bail!(
            "schemas/{name} would change its shape at `{found}`: raise the version in contracts and add an upcaster, \
             or pass --unreleased if nobody has used this version yet"
        );
    }
    fs::create_dir_all(path.parent().unwrap_or(directory))
        .with_context(|| format!("cannot create {}", path.display()))?;
    fs::write(&path, text(document)).with_context(|| format!("cannot write {}", path.display()))
}

fn current(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_default()
}

fn text(document: &Value) -> String {
    format!("{document:#}\n")
}

/// A schema without its words. A *property* called `description` is an object and stays.
fn shape(schema: &Value) -> Value {
    match schema {
        Value::Object(object) => {
            let words = |(name, value): &(&String, &Value)| {
                !(matches!(name.as_str(), "description" | "title") && value.is_string())
            };
            object.iter().filter(words).map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::Array(array) => array.iter().map(shape).collect(),
        other => other.clone(),
    }
}

/// JSON Pointer to the first place where the two differ.
fn first_difference(old: &Value, new: &Value, at: &str) -> String {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return at.to_owned() };
    let names = old.keys().chain(new.keys());
    let differing = names.into_iter().find(|name| old.get(*name) != new.get(*name));
    match differing.map(|name| (name, old.get(name), new.get(name))) {
        Some((name, Some(old), Some(new))) => first_difference(old, new, &format!("{at}/{name}")),
        Some((name, ..)) => format!("{at}/{name}"),
        None => at.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn other_words_are_the_same_shape_and_other_fields_are_not() {
        let old = json!({ "title": "a", "properties": { "description": { "type": "string", "description": "x" } } });
        let new = json!({ "title": "b", "properties": { "description": { "type": "string", "description": "y" } } });
        assert_eq!(shape(&old), shape(&new));
        let added = json!({ "properties": { "description": { "type": "string" }, "b": {} } });
        assert_ne!(shape(&old), shape(&added));
        assert_eq!(first_difference(&shape(&old), &shape(&added), ""), "/properties/b");
        let removed = json!({ "properties": {} });
        assert_ne!(shape(&old), shape(&removed));
    }

    #[test]
    fn a_frozen_shape_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let old = json!({ "properties": { "a": {} } });
        let new = json!({ "properties": { "a": {}, "b": {} } });
        write(directory.path(), "events/x.v1.json", &old, false).unwrap();
        let error = write(directory.path(), "events/x.v1.json", &new, false).unwrap_err().to_string();
        assert!(error.contains("`/properties/b`"), "{error}");
        assert_eq!(current(directory.path(), "events/x.v1.json"), text(&old));
        write(directory.path(), "events/x.v1.json", &new, true).unwrap();
        assert_eq!(current(directory.path(), "events/x.v1.json"), text(&new));
    }
}
