use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Run with `UPDATE_SCHEMAS=1` to write it anew.
#[test]
fn the_committed_document_is_that_of_the_routes() -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/openapi/openapi.json");
    let document = format!("{:#}\n", gateway::api::document());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(file.parent().context("a folder")?)?;
        std::fs::write(&file, &document)?;
    }
    let committed = std::fs::read_to_string(&file).context("schemas/openapi/openapi.json")?;
    assert!(committed == document, "schemas/openapi/openapi.json is stale: run this test with UPDATE_SCHEMAS=1");
    Ok(())
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() -> Result<()> {
    let document = gateway::api::document();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').context(reference.clone())?;
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let paths = document["paths"].as_object().context("paths")?;
    let operations = paths.values().flat_map(|path| path.as_object().into_iter().flat_map(|path| path.values()));
    let ids: Vec<&Value> = operations.map(|operation| &operation["operationId"]).collect();
    let distinct: BTreeSet<String> = ids.iter().map(|id| id.to_string()).collect();
    assert_eq!(ids.len(), distinct.len(), "{ids:?}");
    Ok(())
}

#[test]
fn every_field_is_in_snake_case() {
    let (mut fields, document) = (BTreeSet::new(), gateway::api::document());
    names(&document, &mut fields);
    let odd = |name: &&String| !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    assert_eq!(fields.iter().filter(odd).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(fields.len() > 200, "{fields:?}");
}

/// The names of all properties of schemas.
fn names(value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            let properties = object.get("properties").and_then(Value::as_object);
            fields.extend(properties.into_iter().flat_map(|properties| properties.keys().cloned()));
            object.values().for_each(|value| names(value, fields));
        }
        Value::Array(items) => items.iter().for_each(|value| names(value, fields)),
        _ => {}
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
