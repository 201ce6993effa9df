//! Training sessions: start, list, look at, pause, resume, stop, delete.

use super::session::{Session, SessionStatus};
use super::session_create;
use crate::api::{Api, Operation};
use crate::app::App;
use crate::commanding::{self, Outcome, PATIENCE, PendingCommand, pending};
use crate::error::{Error, Result};
use crate::extract::{Json, OptionalJson, Origin, PageQuery, Path, Query, RunKey};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use contracts::Command;
use contracts::commands::{DeleteRun, PauseRun, ResumeRun, StopRun};
use contracts::config::Algorithm;
use read_models::{RunFilter, RunRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

const DEFAULT_SIZE: u32 = 20;
const LARGEST: u32 = 100;

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
            acting(it, "Save a checkpoint and end the session")
                .explains("`force` may stand in the query or in the body.")
                .query::<StopRequest>()
                .may_take::<StopRequest>(json!({"force": true}))
                .fails(&[404, 409, 413, 415, 422])
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
        .explains(
            "Answers when the read models show it. Unknown fields and keys of `config` are refused by name; settings of \
             the session itself may also stand in `config`, if they do not differ.",
        )
        .commands()
        .takes_schema("application/json", Box::new(session_create::schema), Some(example))
        .gives::<Session>(202, "The session, waiting for a trainer; or the command's id after five seconds")
        .gives::<PendingCommand>(202, "The command is stored, its outcome not known yet")
        .fails(&[404, 409, 413, 415, 422])
}

fn acting(operation: Operation, summary: &'static str) -> Operation {
    operation
        .says("training", summary)
        .commands()
        .gives::<ActionTaken>(200, "The session as it stands now")
        .gives::<ActionTaken>(202, "Asked for, but after five seconds not done yet")
        .fails(&[404, 409, 422])
}

#[derive(Deserialize, JsonSchema)]
struct ListQuery {
    /// Counted from 1.
    #[schemars(range(min = 1))]
    page: Option<u32>,
    /// Items per page; larger values are brought down to 100.
    #[schemars(range(min = 1))]
    page_size: Option<u32>,
    /// Begin behind the item with this key, the `next` of the page before; pages are counted from there.
    after: Option<u64>,
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
    /// `after` of the next page, when there is one.
    next: Option<i64>,
    sessions: Vec<Session>,
}

#[derive(Default, Deserialize, JsonSchema)]
struct StopRequest {
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
    let command = session_create::read(body)?;
    started(&app, &origin, &command).await
}

/// Sends a start and answers with the new session.
pub async fn started(app: &App, origin: &Origin, command: &Command) -> Result<Response> {
    match app.command(origin, command).await? {
        Outcome::Pending => Ok(pending(origin)),
        Outcome::Done(outcomes) => {
            let run = outcomes.iter().find_map(|outcome| outcome.run_id).unwrap_or_default();
            let session = Session::of(app.run(RunKey::Id(run.into())).await?);
            let location = format!("/api/v1/training/{run}/status");
            Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(session)).into_response())
        }
    }
}

async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Result<axum::Json<SessionPage>> {
    let paging =
        PageQuery { page: query.page, page_size: query.page_size, after: query.after }.paging(DEFAULT_SIZE, LARGEST)?;
    // No name holds one; Postgres knows no such text.
    if query.q.as_ref().is_some_and(|part| part.contains('\0')) {
        return Err(Error::invalid(&["query", "q"], "may not hold the character NUL"));
    }
    let algorithm = query.algorithm.map(|algorithm| algorithm.name().to_owned());
    let status = query.status.map(|status| status.token().to_owned());
    let filter = RunFilter { status, algorithm, name_contains: query.q };
    let found = app.models.runs(&filter, paging).await?;
    let sessions = found.items.into_iter().map(Session::of).collect();
    Ok(axum::Json(SessionPage {
        total: found.total,
        page: paging.page(),
        page_size: paging.page_size(),
        next: found.next,
        sessions,
    }))
}

async fn status(State(app): State<App>, Path(key): Path<RunKey>) -> Result<axum::Json<Session>> {
    Ok(axum::Json(Session::of(app.run(key).await?)))
}

async fn pause(State(app): State<App>, origin: Origin, Path(key): Path<RunKey>) -> Result<Response> {
    let run = app.run(key).await?;
    let command = Command::PauseRun(PauseRun { run_id: run.run_id.into() });
    act(&app, &origin, run, command).await
}

async fn resume(State(app): State<App>, origin: Origin, Path(key): Path<RunKey>) -> Result<Response> {
    let run = app.run(key).await?;
    let command = Command::ResumeRun(ResumeRun { run_id: run.run_id.into() });
    act(&app, &origin, run, command).await
}

async fn stop(
    State(app): State<App>,
    origin: Origin,
    Path(key): Path<RunKey>,
    Query(query): Query<StopRequest>,
    OptionalJson(body): OptionalJson<StopRequest>,
) -> Result<Response> {
    let run = app.run(key).await?;
    let force = query.force.or(body.force).unwrap_or(false);
    let command = Command::StopRun(StopRun { run_id: run.run_id.into(), force });
    act(&app, &origin, run, command).await
}

async fn delete(State(app): State<App>, origin: Origin, Path(key): Path<RunKey>) -> Result<Response> {
    let run = app.run(key).await?;
    let command = Command::DeleteRun(DeleteRun { run_id: run.run_id.into() });
    match command_about(&app, &origin, &run, &command).await? {
        Outcome::Pending => Ok(pending(&origin)),
        Outcome::Done(_) => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// Sends `command`; where the state of `run` forbids it, the refusal tells that state.
async fn command_about(app: &App, origin: &Origin, run: &RunRow, command: &Command) -> Result<Outcome> {
    match app.command(origin, command).await {
        Err(Error::Conflict(message)) => {
            let session = Box::new(Session::of(app.run(RunKey::Number(run.id)).await?));
            Err(Error::StateForbids { message, session })
        }
        other => other,
    }
}

/// Sends `command` and waits until the trainer did what it asks, all in all [`PATIENCE`].
async fn act(app: &App, origin: &Origin, run: RunRow, command: Command) -> Result<Response> {
    let deadline = Instant::now() + PATIENCE;
    if matches!(command_about(app, origin, &run, &command).await?, Outcome::Pending) {
        let location = commanding::location(origin);
        let message = "the command is stored; its outcome is not known yet".to_owned();
        let taken = ActionTaken::of(run, origin, message);
        return Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(taken)).into_response());
    }
    let run = app.settled_run(run.run_id.into(), deadline).await?;
    let code = if run.pending_action.is_none() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let message = message(&run);
    Ok((code, axum::Json(ActionTaken::of(run, origin, message))).into_response())
}

impl ActionTaken {
    fn of(run: RunRow, origin: &Origin, message: String) -> Self {
        Self {
            session_id: run.id,
            run_id: run.run_id,
            status: SessionStatus::of(&run),
            pending_action: run.pending_action,
            message,
            command_id: origin.command_id.0,
        }
    }
}

fn message(run: &RunRow) -> String {
    match run.pending_action.as_deref() {
        Some("pause") => "pausing: the trainer saves a checkpoint first".to_owned(),
        Some("stop") => "stopping: the trainer saves a checkpoint first".to_owned(),
        _ => format!("the session is {}", run.status),
    }
}
