//! Sending a command and waiting until the read models show what became of it.

use crate::app::App;
use crate::error::Result;
use crate::extract::{Origin, RunKey};
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::{Command, CommandId, Envelope, Rejection, RunId, subjects};
use read_models::{CommandOutcomeRow, RunRow};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// How long an answer waits for the read models before it says that the command is on its way.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The position is looked at this often even when no notification came.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What became of a command by the time of the answer.
#[derive(Debug)]
pub enum Outcome {
    /// The read models contain these events that it caused, oldest first.
    Done(Vec<CommandOutcomeRow>),
    /// It is stored and will be decided.
    Pending,
}

/// A command that is stored and will be decided; ask again at `Location`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PendingCommand {
    pub command_id: Uuid,
    pub status: &'static str,
    pub message: &'static str,
}

impl App {
    /// Stores `command` in the log and waits for its outcome.
    ///
    /// # Errors
    /// The rejection, when it was rejected; `Unavailable` when the log cannot be reached: nothing has happened then.
    pub async fn command(&self, origin: &Origin, command: &Command) -> Result<Outcome> {
        self.send(origin, command).await?;
        self.outcome(origin.command_id, PATIENCE).await
    }

    /// Stores `command` in the log. Under an id that was used before nothing new happens.
    pub async fn send(&self, origin: &Origin, command: &Command) -> Result<()> {
        let now = self.clock.now();
        let mut envelope = Envelope::for_command(command.kind(), origin.command_id, "gateway", now, command.run_id());
        envelope.traceparent = Some(origin.traceparent.clone());
        let subject = subjects::command(command.aggregate(), command.verb());
        self.log.send_command(&subject, &envelope, Bytes::from(command.to_json()?)).await?;
        Ok(())
    }

    /// The run when its trainer has answered what was asked of it last, or as it stands at the deadline.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it was deleted.
    pub async fn settled_run(&self, run: RunId, deadline: Instant) -> Result<RunRow> {
        loop {
            let position = self.models.position().await?.map_or(0, |position| position.sequence);
            let found = self.run(RunKey::Id(run)).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if found.pending_action.is_none() || left.is_zero() {
                return Ok(found);
            }
            self.models.wait_for_position(position + 1, left.min(LOOK_AGAIN)).await;
        }
    }

    /// Waits until the read models show what a command caused.
    ///
    /// # Errors
    /// The rejection, when it was rejected.
    pub async fn outcome(&self, command: CommandId, patience: Duration) -> Result<Outcome> {
        let deadline = Instant::now() + patience;
        loop {
            let position = self.models.position().await?.map_or(0, |position| position.sequence);
            let outcomes = self.models.command_outcomes(command).await?;
            if outcomes.iter().any(|outcome| outcome.event_type.starts_with("patrol.command.rejected")) {
                let rejection = self.models.rejection(command).await?;
                return Err(Rejection(rejection.map(|row| row.reasons.0).unwrap_or_default()).into());
            }
            if !outcomes.is_empty() {
                return Ok(Outcome::Done(outcomes));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Outcome::Pending);
            }
            self.models.wait_for_position(position + 1, left.min(LOOK_AGAIN)).await;
        }
    }
}

/// 202 for a command whose outcome is not known yet.
pub fn pending(origin: &Origin) -> Response {
    let command_id = origin.command_id.0;
    let body = PendingCommand {
        command_id,
        status: "pending",
        message: "the command is stored; its outcome is not known yet",
    };
    (StatusCode::ACCEPTED, [(header::LOCATION, location(origin))], Json(body)).into_response()
}

/// Where the outcome of a command can be asked for.
pub fn location(origin: &Origin) -> String {
    format!("/api/v1/commands/{}", origin.command_id.0)
}
