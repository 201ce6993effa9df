//! Sending a command and waiting until the read models show what became of it.

use crate::app::App;
use crate::error::{Error, Result};
use crate::extract::{Origin, RunKey};
use crate::repeats::is_effect;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::{Command, CommandId, Envelope, Rejection, RunId, subjects};
use event_log::StreamName;
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
    /// The rejection, when it was rejected; `Conflict` when its key was used for another command; `Unavailable` when the log
    /// cannot be reached: nothing has happened then.
    pub async fn command(&self, origin: &Origin, command: &Command) -> Result<Outcome> {
        self.send(origin, command).await?;
        self.outcome_of(origin, command).await
    }

    /// Waits until the read models show what the stored `command` caused.
    ///
    /// # Errors
    /// The rejection, when it was rejected; `Conflict` when its key was used for another command.
    pub async fn outcome_of(&self, origin: &Origin, command: &Command) -> Result<Outcome> {
        let effects = self.effects(origin.command_id, PATIENCE).await?;
        // Another command under the same key may have been on its way when this one came.
        self.check_key(origin, command, &effects).await?;
        self.concluded(origin.command_id, effects).await
    }

    /// Stores `command` in the log, unless it is known already what became of it: the stream of commands forgets their ids
    /// after a while, and a repeated request must still have no second effect.
    ///
    /// # Errors
    /// `Conflict` when its key was used for another command.
    pub async fn send(&self, origin: &Origin, command: &Command) -> Result<()> {
        if self.was_decided(origin, command).await? {
            return Ok(());
        }
        let now = self.clock.now();
        let mut envelope = Envelope::for_command(command.kind(), origin.command_id, "gateway", now, command.run_id());
        envelope.traceparent = Some(origin.traceparent.clone());
        let subject = subjects::command(command.aggregate(), command.verb());
        self.log.send_command(&subject, &envelope, Bytes::from(command.to_json()?)).await?;
        Ok(())
    }

    /// Whether the read models show what became of `command`, under a key that was used before.
    ///
    /// # Errors
    /// `Conflict` when the key was used for another command.
    pub async fn was_decided(&self, origin: &Origin, command: &Command) -> Result<bool> {
        if !origin.is_keyed {
            return Ok(false);
        }
        let effects = self.models.command_outcomes(origin.command_id).await?;
        self.check_key(origin, command, &effects).await?;
        Ok(!effects.is_empty())
    }

    async fn check_key(&self, origin: &Origin, command: &Command, effects: &[CommandOutcomeRow]) -> Result<()> {
        let Some(first) = effects.first().filter(|_| origin.is_keyed) else { return Ok(()) };
        let recorded = self.log.event_at(u64::try_from(first.id).unwrap_or(0)).await?;
        // What cannot be read cannot be compared.
        let event = recorded.and_then(|recorded| recorded.event().ok());
        match event.is_none_or(|event| is_effect(command, &event)) {
            true => Ok(()),
            false => Err(Error::Conflict(
                "this Idempotency-Key was used for another request; take a new one, or repeat that request as it was"
                    .to_owned(),
            )),
        }
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
        let effects = self.effects(command, patience).await?;
        self.concluded(command, effects).await
    }

    /// Whether no command waits to be decided, and the read models show what became of all.
    pub async fn is_quiet(&self) -> Result<bool> {
        // A command leaves its stream when its effects are in the log.
        let waiting = self.log.stream_status(StreamName::Commands).await?.messages;
        let last = self.log.last_sequence().await?;
        let shown = self.models.position().await?.map_or(0, |position| position.sequence);
        Ok(waiting == 0 && shown >= last)
    }

    /// Waits for the events that a command caused; none when the patience ended before.
    async fn effects(&self, command: CommandId, patience: Duration) -> Result<Vec<CommandOutcomeRow>> {
        let deadline = Instant::now() + patience;
        loop {
            let position = self.models.position().await?.map_or(0, |position| position.sequence);
            let effects = self.models.command_outcomes(command).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !effects.is_empty() || left.is_zero() {
                return Ok(effects);
            }
            self.models.wait_for_position(position + 1, left.min(LOOK_AGAIN)).await;
        }
    }

    async fn concluded(&self, command: CommandId, effects: Vec<CommandOutcomeRow>) -> Result<Outcome> {
        if effects.iter().any(|effect| effect.event_type.starts_with("patrol.command.rejected")) {
            let rejection = self.models.rejection(command).await?;
            return Err(Rejection(rejection.map(|row| row.reasons.0).unwrap_or_default()).into());
        }
        Ok(if effects.is_empty() { Outcome::Pending } else { Outcome::Done(effects) })
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
