//! The files under `schemas/`: generated from the types, committed, and checked for drift.

use crate::commands::Command;
use crate::events::Event;
use schemars::Schema;
use serde_json::{Value, json};

/// Path below `schemas/` and content of every generated JSON Schema (draft 2020-12).
pub fn all() -> Vec<(String, Value)> {
    let commands = Command::ALL.iter().filter_map(|(aggregate, verb)| {
        let subject = format!("patrol.cmd.{aggregate}.{verb}");
        let schema = Command::schema(aggregate, verb)?;
        Some((format!("commands/{aggregate}.{verb}.v1.json"), titled(schema, &subject)))
    });
    let events = Event::ALL.iter().filter_map(|(aggregate, event, version)| {
        let kind = format!("patrol.{aggregate}.{event}.v{version}");
        let schema = Event::schema(aggregate, event)?;
        Some((format!("events/{aggregate}.{event}.v{version}.json"), titled(schema, &kind)))
    });
    commands.chain(events).collect()
}

fn titled(schema: Schema, title: &str) -> Value {
    let mut value = schema.to_value();
    if let Some(object) = value.as_object_mut() {
        object.insert("title".to_owned(), json!(title));
    }
    value
}
