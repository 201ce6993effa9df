//! The messaging interface as one document (AsyncAPI 3.0.0), for people and for generators of clients.
//!
//! Seen from the system: it receives commands, and sends events and live frames.

use crate::commands::Command;
use crate::envelope::SPEC_VERSION;
use crate::events::Event;
use crate::schemas::LIVE_FRAME;
use crate::subjects;
use serde_json::{Map, Value, json};

/// The document; payloads are references to the schemas beside it.
pub fn asyncapi() -> Value {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    let mut add = |entry: Entry| {
        let Entry { id, address, kind, schema, action } = entry;
        let parameters = address.contains("{run_id}").then(|| json!({ "run_id": { "$ref": RUN_ID } }));
        let mut channel =
            json!({ "address": address, "messages": { &kind: { "$ref": format!("#/components/messages/{kind}") } } });
        if let Some(parameters) = parameters {
            channel["parameters"] = parameters;
        }
        let operation = json!({ "action": action, "channel": { "$ref": format!("#/channels/{id}") } });
        operations.insert(format!("{action}.{id}"), operation);
        channels.insert(id, channel);
        messages.insert(kind.clone(), message(&kind, &schema));
    };
    for (aggregate, verb) in Command::ALL {
        add(Entry {
            id: format!("command.{aggregate}.{verb}"),
            address: subjects::command(aggregate, verb),
            kind: format!("patrol.{aggregate}.{verb}.v1"),
            schema: format!("../commands/{aggregate}.{verb}.v1.json"),
            action: "receive",
        });
    }
    for (aggregate, event, version) in Event::ALL {
        add(Entry {
            id: format!("event.{aggregate}.{event}"),
            address: format!("patrol.evt.{aggregate}.{{run_id}}.{event}"),
            kind: format!("patrol.{aggregate}.{event}.v{version}"),
            schema: format!("../events/{aggregate}.{event}.v{version}.json"),
            action: "send",
        });
    }
    add(Entry {
        id: "live".to_owned(),
        address: "patrol.live.{run_id}".to_owned(),
        kind: "patrol.live.frame.v1".to_owned(),
        schema: format!("../{LIVE_FRAME}"),
        action: "send",
    });
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Patrol",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "defaultContentType": "application/json",
        "servers": { "nats": { "host": "127.0.0.1:4222", "protocol": "nats", "description": "JetStream, 2.12 or newer" } },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "parameters": { "run_id": { "description": "UUID of the run; `none` where an event belongs to no run" } },
            "schemas": { "envelope": envelope() },
        },
    })
}

const RUN_ID: &str = "#/components/parameters/run_id";

const DESCRIPTION: &str = "Trains, evaluates and archives policies for security-patrol robots. Commands are published to \
    JetStream, whose acknowledgement says that a command is safe; its outcome is the event whose `ce-causationid` is the \
    command's id: a fact, or `patrol.command.rejected.v1` with every reason. Headers are those of CloudEvents 1.0 in \
    binary mode and may all be left out by who publishes a command. Trajectories (`patrol.traj.<run_id>.<split>`, Arrow \
    IPC) are described by the tables under `arrow/`.";

struct Entry {
    id: String,
    address: String,
    kind: String,
    schema: String,
    action: &'static str,
}

fn message(kind: &str, schema: &str) -> Value {
    json!({
        "name": kind,
        "contentType": "application/json",
        "headers": { "$ref": "#/components/schemas/envelope" },
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": { "$ref": schema },
        },
    })
}

fn envelope() -> Value {
    let uuid = json!({ "type": "string", "format": "uuid" });
    json!({
        "type": "object",
        "properties": {
            "Nats-Msg-Id": uuid,
            "ce-specversion": { "const": SPEC_VERSION },
            "ce-id": uuid,
            "ce-source": { "type": "string", "format": "uri-reference" },
            "ce-type": { "type": "string" },
            "ce-time": { "type": "string", "format": "date-time" },
            "ce-subject": { "type": "string", "description": "the run it is about" },
            "ce-correlationid": uuid,
            "ce-causationid": uuid,
            "traceparent": { "type": "string", "description": "W3C Trace Context" },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_within_the_document_leads_somewhere() {
        let document = asyncapi();
        let mut found = 0;
        let mut open = vec![&document];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(object) => open.extend(object.values()),
                Value::Array(array) => open.extend(array),
                Value::String(text) if text.starts_with("#/") => {
                    assert!(document.pointer(&text[1..]).is_some(), "{text} leads nowhere");
                    found += 1;
                }
                _ => {}
            }
        }
        assert!(found >= 3 * (Command::ALL.len() + Event::ALL.len()));
    }
}
