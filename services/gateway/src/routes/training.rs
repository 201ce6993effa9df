//! Training sessions: start, list, look at, pause, resume, stop, delete.

use super::session::{Session, SessionStatus};
use crate::api::{Api, Operation};
use crate::app::App;
use crate::commanding::{Outcome, PendingCommand, pending};
use crate::error::{Error, Result, Violation};
use crate::extract::{Json, Origin, PageQuery, Path, Query, RunKey};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use contracts::commands::{DeleteRun, PauseRun, ResumeRun, StartRun, StopRun};
use contracts::config::Algorithm;
use contracts::{Command, Rejection};
use read_models::{RunFilter, RunRow};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

const DEFAULT_SIZE: u32 = 20;
const LARGEST: u32 = 100;
/// What a session must say; a command on NATS needs less.
const REQUIRED: [&str; 3] = ["name", "algorithm", "total_timesteps"];

pub fn routes(api: Api) -> Api {
    api.post("/api/v1/training/start", start, described_start)
        .get("/api/v1/training/list", list, |it| {
            it.says("training", "Sessions, newest first")
                .explains("Pages have 20 items unless `page_size` says otherwise, at most 100.")
                .query::<ListQuery>()
                .gives::<SessionPage>(200, "A page of sessions")
                .fails(&[422])
        })
        .get("/api/v1/training/{id}/status", status, |it| {
            it.says("training", "One session").gives::<Session>(200, "The session").fails(&[404, 422])
        })
        .post("/api/v1/training/{id}/pause", pause, |it| {
            acting(it, "Save a checkpoint and stop computing until resumed")
        })
        .post("/api/v1/training/{id}/resume", resume, |it| {
            acting(it, "Go on from the last checkpoint, with the same bits as if never paused")
        })
        .post("/api/v1/training/{id}/stop", stop, |it| {
            acting(it, "Save a checkpoint and end the session").query::<StopQuery>()
        })
        .delete("/api/v1/training/{id}", delete, |it| {
            it.says("training", "Hide a session; its history remains in the log")
                .commands()
                .gives_nothing(204, "It is hidden")
                .gives::<PendingCommand>(202, "The command is stored, its outcome not known yet")
                .fails(&[404, 409, 422])
        })
}

fn described_start(operation: Operation) -> Operation {
    let example = json!({
        "name": "two robots in a cave", "algorithm": "ppo", "total_timesteps": 1_000_000, "env_width": 20,
        "env_height": 20, "num_robots": 2, "num_envs": 32, "batch_size": 1024, "learning_rate": 0.001,
        "config": { "map_config": { "map_type": "cave", "seed": 7 }, "seed": 1 }
    });
    operation
        .says("training", "Start a session")
        .explains("Answers when the read models show it. Unknown fields and keys of `config` are refused by name.")
        .commands()
        .takes_schema("application/json", Box::new(body_schema), Some(example))
        .gives::<Session>(202, "The session, waiting for a trainer; or the command's id after five seconds")
        .gives::<PendingCommand>(202, "The command is stored, its outcome not known yet")
        .fails(&[404, 409, 413, 415, 422])
}

fn acting(operation: Operation, summary: &'static str) -> Operation {
    operation
        .says("training", summary)
        .commands()
        .gives::<ActionTaken>(200, "The session as it stands now")
        .gives::<PendingCommand>(202, "The command is stored, its outcome not known yet")
        .fails(&[404, 409, 422])
}

/// Defaults of a session that differ from those of the bare command, as the dashboard expects them.
fn defaults() -> Map<String, Value> {
    let defaults = json!({
        "environment_type": "standard", "env_width": 8, "env_height": 8, "num_robots": 1, "coverage_weight": 1.5,
        "exploration_weight": 3.0, "diversity_weight": 2.0, "learning_rate": 3e-4, "batch_size": 64, "num_workers": 1,
        "num_envs": 1, "policy_type": "MlpPolicy"
    });
    defaults.as_object().cloned().unwrap_or_default()
}

/// The command's schema with the session's defaults and required fields.
fn body_schema(generator: &mut SchemaGenerator) -> schemars::Schema {
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

#[derive(Deserialize, JsonSchema)]
struct ListQuery {
    /// Counted from 1.
    #[schemars(range(min = 1))]
    page: Option<u32>,
    /// Items per page; larger values are brought down to 100.
    #[schemars(range(min = 1))]
    page_size: Option<u32>,
    status: Option<SessionStatus>,
    algorithm: Option<Algorithm>,
    /// Part of the name, whatever its case.
    q: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct SessionPage {
    total: u64,
    page: u32,
    page_size: u32,
    sessions: Vec<Session>,
}

#[derive(Deserialize, JsonSchema)]
struct StopQuery {
    /// Do not wait for a last checkpoint.
    force: Option<bool>,
}

/// A session after a command.
#[derive(Serialize, JsonSchema)]
struct ActionTaken {
    session_id: i64,
    run_id: Uuid,
    status: SessionStatus,
    /// `pause` or `stop` while the trainer has not answered yet.
    pending_action: Option<String>,
    message: String,
    command_id: Uuid,
}

async fn start(State(app): State<App>, origin: Origin, Json(body): Json<Value>) -> Result<Response> {
    let command = read_start(body)?;
    match app.command(&origin, &command).await? {
        Outcome::Pending => Ok(pending(&origin)),
        Outcome::Done(outcomes) => {
            let run = outcomes.iter().find_map(|outcome| outcome.run_id).unwrap_or_default();
            let session = Session::of(app.run(RunKey::Id(run.into())).await?);
            let location = format!("/api/v1/training/{run}/status");
            Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(session)).into_response())
        }
    }
}

/// The command that a body asks for.
fn read_start(body: Value) -> Result<Command> {
    let Value::Object(mut fields) = body else { return Err(Error::invalid(&["body"], "must be a JSON object")) };
    fields.retain(|_, value| !value.is_null());
    let missing = REQUIRED.iter().filter(|name| !fields.contains_key(**name));
    let mut violations: Vec<Violation> = missing.map(|name| Violation::new(&["body", name], "is required")).collect();
    for (name, default) in defaults() {
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

async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Result<axum::Json<SessionPage>> {
    let paging = PageQuery { page: query.page, page_size: query.page_size }.paging(DEFAULT_SIZE, LARGEST)?;
    let algorithm = query.algorithm.map(|algorithm| match algorithm {
        Algorithm::Ppo => "ppo".to_owned(),
        Algorithm::A3c => "a3c".to_owned(),
    });
    let status = query.status.map(|status| status.token().to_owned());
    let filter = RunFilter { status, algorithm, name_contains: query.q };
    let found = app.models.runs(&filter, paging).await?;
    let sessions = found.items.into_iter().map(Session::of).collect();
    Ok(axum::Json(SessionPage { total: found.total, page: paging.page(), page_size: paging.page_size(), sessions }))
}

async fn status(State(app): State<App>, Path(key): Path<RunKey>) -> Result<axum::Json<Session>> {
    Ok(axum::Json(Session::of(app.run(key).await?)))
}

async fn pause(State(app): State<App>, origin: Origin, Path(key): Path<RunKey>) -> Result<Response> {
    let run = app.run(key).await?;
    act(&app, &origin, &run, Command::PauseRun(PauseRun { run_id: run.run_id.into() })).await
}

async fn resume(State(app): State<App>, origin: Origin, Path(key): Path<RunKey>) -> Result<Response> {
    let run = app.run(key).await?;
    act(&app, &origin, &run, Command::ResumeRun(ResumeRun { run_id: run.run_id.into() })).await
}

async fn stop(
    State(app): State<App>,
    origin: Origin,
    Path(key): Path<RunKey>,
    Query(query): Query<StopQuery>,
) -> Result<Response> {
    let run = app.run(key).await?;
    let force = query.force.unwrap_or(false);
    act(&app, &origin, &run, Command::StopRun(StopRun { run_id: run.run_id.into(), force })).await
}

async fn delete(State(app): State<App>, origin: Origin, Path(key): Path<RunKey>) -> Result<Response> {
    let run = app.run(key).await?;
    let command = Command::DeleteRun(DeleteRun { run_id: run.run_id.into() });
    match app.command(&origin, &command).await? {
        Outcome::Pending => Ok(pending(&origin)),
        Outcome::Done(_) => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

async fn act(app: &App, origin: &Origin, run: &RunRow, command: Command) -> Result<Response> {
    if matches!(app.command(origin, &command).await?, Outcome::Pending) {
        return Ok(pending(origin));
    }
    let run = app.run(RunKey::Number(run.id)).await?;
    let taken = ActionTaken {
        session_id: run.id,
        run_id: run.run_id,
        status: SessionStatus::of(&run),
        message: message(&run),
        pending_action: run.pending_action,
        command_id: origin.command_id.0,
    };
    Ok(axum::Json(taken).into_response())
}

fn message(run: &RunRow) -> String {
    match run.pending_action.as_deref() {
        Some("pause") => "pausing: the trainer saves a checkpoint first".to_owned(),
        Some("stop") => "stopping: the trainer saves a checkpoint first".to_owned(),
        _ => format!("the session is {}", run.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: Value) -> Vec<String> {
        match read_start(body) {
            Err(Error::Invalid(violations)) => {
                let mut named: Vec<String> = violations.iter().map(|violation| violation.loc.join(".")).collect();
                named.sort();
                named
            }
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
        let Ok(Command::StartRun(start)) = read_start(body) else { panic!("it was refused") };
        assert_eq!((start.env_width, start.batch_size, start.num_envs), (Some(8), Some(64), Some(1)));
        assert_eq!(start.config, None);
    }
}
