//! Any command of the schema, as it can be published on NATS, and what became of it.

use crate::api::Api;
use crate::app::App;
use crate::commanding::Outcome;
use crate::error::{Error, Result};
use crate::extract::{Origin, Path, Query};
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use contracts::{Command, CommandId, Rejection};
use read_models::CommandOutcomeRow;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

pub fn routes(api: Api) -> Api {
    let example = json!({"run_id": "00000000-0000-4000-8000-000000000001"});
    api.post("/api/v1/commands/{aggregate}/{verb}", send, move |it| {
        it.says("commands", "Send any command")
            .explains(
                "The body is the payload that is published on `patrol.cmd.<aggregate>.<verb>`; its schema is in \
                 `schemas/commands`. With `wait=true` the answer says what became of it, if that is known within five \
                 seconds.",
            )
            .commands()
            .query::<WaitQuery>()
            .takes_schema("application/json", Box::new(any_object), Some(example))
            .gives::<CommandReport>(202, "The command is stored")
            .fails(&[404, 409, 413, 422])
    })
    .get("/api/v1/commands/{uuid}", report, |it| {
        it.says("commands", "What became of a command")
            .explains("404 when no command of this id is known or waits to be decided.")
            .gives::<CommandReport>(200, "Its effects so far; none while it is not decided")
            .fails(&[404, 409, 422])
    })
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}

#[derive(Deserialize, JsonSchema)]
struct WaitQuery {
    /// Answer when the read models show what became of the command.
    wait: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
struct CommandReport {
    command_id: Uuid,
    status: CommandStatus,
    /// Events that it caused, oldest first.
    outcomes: Vec<CommandOutcome>,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CommandStatus {
    /// Its outcome is not known yet.
    Pending,
    Done,
}

#[derive(Serialize, JsonSchema)]
struct CommandOutcome {
    /// In the log.
    sequence: i64,
    event_id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    run_id: Option<Uuid>,
    time: DateTime<Utc>,
}

impl CommandReport {
    fn of(command: CommandId, outcome: Outcome) -> Self {
        let (status, rows) = match outcome {
            Outcome::Pending => (CommandStatus::Pending, Vec::new()),
            Outcome::Done(rows) => (CommandStatus::Done, rows),
        };
        Self { command_id: command.0, status, outcomes: rows.into_iter().map(CommandOutcome::from).collect() }
    }
}

impl From<CommandOutcomeRow> for CommandOutcome {
    fn from(row: CommandOutcomeRow) -> Self {
        Self {
            sequence: row.id,
            event_id: row.event_id,
            kind: row.event_type,
            run_id: row.run_id,
            time: row.occurred_at,
        }
    }
}

async fn send(
    State(app): State<App>,
    origin: Origin,
    Path((aggregate, verb)): Path<(String, String)>,
    Query(query): Query<WaitQuery>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response> {
    if !Command::ALL.contains(&(aggregate.as_str(), verb.as_str())) {
        let known: Vec<String> = Command::ALL.iter().map(|(aggregate, verb)| format!("{aggregate}/{verb}")).collect();
        return Err(Error::NotFound(format!("there is no such command; there are {}", known.join(", "))));
    }
    let body = body.map_err(Error::unreadable_body)?;
    let command = Command::decode(&aggregate, &verb, &body).map_err(|reasons| Error::from(Rejection(reasons)))?;
    app.send(&origin, &command).await?;
    let outcome = match query.wait {
        Some(true) => app.outcome_of(&origin, &command).await?,
        Some(false) | None => Outcome::Pending,
    };
    let location = format!("/api/v1/commands/{}", origin.command_id);
    let report = CommandReport::of(origin.command_id, outcome);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(report)).into_response())
}

async fn report(State(app): State<App>, Path(id): Path<Uuid>) -> Result<axum::Json<CommandReport>> {
    let command = CommandId(id);
    // In this order: what was decided meanwhile is found.
    let is_quiet = app.is_quiet().await?;
    let outcome = app.outcome(command, Duration::ZERO).await?;
    if is_quiet && matches!(outcome, Outcome::Pending) {
        return Err(Error::NotFound(format!("there is no command {id}; one that is sent again has an id of its own")));
    }
    Ok(axum::Json(CommandReport::of(command, outcome)))
}
