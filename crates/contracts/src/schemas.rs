//! The files under `schemas/`: generated from the types, committed, and checked for drift.

mod asyncapi;

pub use asyncapi::asyncapi;

use crate::commands::Command;
use crate::events::Event;
use crate::live::LiveFrame;
use schemars::{Schema, schema_for};
use serde_json::{Value, json};

/// The schema of live frames, below `schemas/`.
const LIVE_FRAME: &str = "live/frame.v1.json";

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
    let live = (LIVE_FRAME.to_owned(), titled(schema_for!(LiveFrame), "patrol.live.<run_id>"));
    commands.chain(events).chain([live]).collect()
}

fn titled(schema: Schema, title: &str) -> Value {
    let mut value = schema.to_value();
    if let Some(object) = value.as_object_mut() {
        object.insert("title".to_owned(), json!(title));
    }
    value
}
