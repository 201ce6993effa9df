//! New sessions from checkpoints of others.

use super::session_create;
use super::training::started;
use crate::api::Api;
use crate::app::App;
use crate::commanding::PendingCommand;
use crate::error::{Error, Result, Violation};
use crate::extract::{Json, Origin, Path, RunKey};
use crate::routes::session::Session;
use axum::extract::State;
use axum::response::Response;
use contracts::commands::StartRun;
use contracts::{CheckpointId, Command, ForkFrom};
use read_models::RunRow;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Fields of the command that the fork itself decides.
const DECIDED: [&str; 3] = ["parent_run_id", "init_from", "resume_from"];

pub fn routes(api: Api) -> Api {
    let example = json!({ "checkpoint": "best", "total_timesteps": 2_000_000, "config": { "gamma": 0.98 } });
    api.post("/api/v1/training/{id}/fork", fork, move |it| {
        it.says("training", "Start a session from a checkpoint of this one")
            .explains(
                "Every setting is that of this session unless the body changes it; the fields are those of a start. Without \
                 `resume` the new session starts from the checkpoint's weights with a seed of its own; with it, from the \
                 complete state: world, seed, number of environments, algorithm and type of policy then stay.",
            )
            .commands()
            .takes_schema("application/json", Box::new(schema), Some(example))
            .gives::<Session>(202, "The session, waiting for a trainer; or the command's id after five seconds")
            .gives::<PendingCommand>(202, "The command is stored, its outcome not known yet")
            .fails(&[404, 409, 413, 415, 422])
    })
}

async fn fork(
    State(app): State<App>,
    origin: Origin,
    Path(key): Path<RunKey>,
    Json(body): Json<Value>,
) -> Result<Response> {
    let Value::Object(mut changes) = body else { return Err(Error::invalid(&["body"], "must be a JSON object")) };
    session_create::drop_nulls(&mut changes);
    let run = app.run(key).await?;
    let from = origin_of(&run, &mut changes)?;
    let decided = DECIDED.iter().filter(|name| changes.contains_key(**name));
    let violations: Vec<Violation> =
        decided.map(|name| Violation::new(&["body", name], "is not yours to say")).collect();
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    let start = StartRun::fork(run.run_id.into(), &run.name, &run.config.0, from);
    let mut fields = serde_json::to_value(start)?;
    merge(&mut fields, Value::Object(changes));
    let command = Command::decode("run", "start", &serde_json::to_vec(&fields)?).map_err(contracts::Rejection)?;
    started(&app, &origin, &command).await
}

/// Takes `checkpoint` and `resume` out of the body.
fn origin_of(run: &RunRow, changes: &mut Map<String, Value>) -> Result<ForkFrom> {
    let checkpoint = changes.remove("checkpoint").unwrap_or_else(|| json!("last"));
    let none = |what: &str| Error::Conflict(format!("session {} has no {what} checkpoint yet", run.id));
    let id = match checkpoint.as_str() {
        Some("last") => run.last_checkpoint_id.ok_or_else(|| none("complete"))?.into(),
        Some("best") => run.best_checkpoint_id.ok_or_else(|| none("evaluated"))?.into(),
        named => {
            let parsed = named.and_then(|id| id.parse::<CheckpointId>().ok());
            parsed.ok_or_else(|| Error::invalid(&["body", "checkpoint"], "is neither `last`, `best` nor a UUID"))?
        }
    };
    match changes.remove("resume").unwrap_or(json!(false)) {
        Value::Bool(true) => Ok(ForkFrom::CompleteState(id)),
        Value::Bool(false) => Ok(ForkFrom::Weights(id)),
        _ => Err(Error::invalid(&["body", "resume"], "must be true or false")),
    }
}

/// Objects are joined field by field; everything else is replaced.
fn merge(into: &mut Value, changes: Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(into.entry(name).or_insert(Value::Null), change);
            }
        }
        (into, change) => *into = change,
    }
}

/// The command's fields, all optional, and what they change the settings of.
fn schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = StartRun::json_schema(generator);
    schema.insert("title".to_owned(), json!("SessionFork"));
    schema.insert("description".to_owned(), json!("What is different in the new session."));
    schema.remove("required");
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| !DECIDED.contains(&name.as_str()));
        properties.insert(
            "checkpoint".to_owned(),
            json!({
                "description": "The newest, the one with the lowest mean threat in its evaluation, or one by its id.",
                "default": "last",
                "anyOf": [{ "enum": ["last", "best"] }, { "type": "string", "format": "uuid" }]
            }),
        );
        let resume = "Go on from the complete state instead of the weights alone.";
        properties.insert("resume".to_owned(), json!({ "description": resume, "type": "boolean", "default": false }));
    }
    schema
}
