//! The lifecycle of a run: who may ask what of it, and when.
//!
//! ```text
//!  absent ──start──▶ queued ──(trainer: started)──▶ running ──pause──▶ pausing ──(trainer: paused)──▶ paused
//!                      │ ▲                            │                   │                            │ │
//!                      │ └────────────────────────────┼────── resume ─────┼────────────────────────────┘ │
//!                      │                             stop               stop                            stop
//!                      │                              ▼                   ▼                              ▼
//!                      └──stop──▶ completed ◀──(trainer: completed)── stopping                       completed
//! ```
//!
//! A trainer may fail any run that it has; what is not being computed can be deleted. While a trainer has a run, a client
//! can only *ask* it to pause or stop; otherwise the decision takes effect at once. A command that would change nothing
//! (pausing a paused run) is a conflict like any other: each command has exactly one outcome, and a client that waits
//! for it learns the present status from the message.

use crate::Decision;
use crate::continuation::{self, ResumedFrom};
use crate::refusal::{conflict, invalid, no_such_run, not_found};
use crate::run_config;
use contracts::commands::StartRun;
use contracts::config::{LearningSettings, PolicyType};
use contracts::events::{
    CheckpointCreated, CheckpointRef, Outcome, RunCompleted, RunDeleted, RunPauseRequested, RunPaused, RunRequested,
    RunResumed, RunStopRequested,
};
use contracts::{CheckpointId, CommandId, Event, Reason, Rejection, RunId};

/// A run as far as decisions need to know it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub status: Status,
    /// Environment steps that are safe: those before the last checkpoint.
    pub timestep: u64,
    pub episodes_completed: u64,
    /// The last complete checkpoint, and its digest.
    pub checkpoint: Option<CheckpointRef>,
    pub digest: Option<String>,
    /// Held-out episodes of an evaluation that does not say how many.
    pub evaluation_episodes: u32,
}

/// Where in its life a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    #[default]
    Absent,
    /// Waits for a trainer.
    Queued,
    Running,
    /// A trainer was asked to pause it.
    Pausing,
    Paused,
    /// A trainer was asked to end it.
    Stopping {
        force: bool,
    },
    Completed,
    Failed,
    Deleted,
}

impl Status {
    /// Nothing follows but deletion.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Deleted)
    }

    /// A trainer has it, or had it when it died.
    pub fn is_with_trainer(self) -> bool {
        matches!(self, Self::Running | Self::Pausing | Self::Stopping { .. })
    }

    /// For people: `running`, `paused`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Stopping { .. } => "stopping",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }
}

/// What a client asks of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RunCommand<'a> {
    Start(&'a StartRun, StartFacts<'a>),
    Pause,
    Resume,
    Stop { force: bool },
    Delete,
}

/// What a start depends on besides the run's own history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StartFacts<'a> {
    /// The seed comes from here when the client gives none.
    pub command_id: CommandId,
    /// The named parent run exists; true when none is named.
    pub parent_known: bool,
    /// The named weights exist; true when none are named.
    pub weights_known: bool,
    /// The network they belong to, where the log tells.
    pub weights_of: Option<Network>,
    /// The named checkpoint to resume from; absent when there is none of that id or none is named.
    pub resumed: Option<&'a ResumedFrom>,
}

/// Decides on `command` for the run `run_id`, which stands as `run` says.
///
/// # Errors
/// `not_found` for a run that does not exist (any more), `conflict` with the present status where that forbids the
/// command, `invalid` for settings that cannot work together.
pub fn decide(run: &Run, run_id: RunId, command: &RunCommand<'_>) -> Decision {
    match (run.status, command) {
        (Status::Absent, RunCommand::Start(start, facts)) => request(run_id, start, *facts),
        (_, RunCommand::Start(..)) => conflict(format!("run {run_id} exists already: it is {}", run.status.name())),
        (Status::Absent | Status::Deleted, _) => no_such_run(run_id),
        (_, RunCommand::Pause) => pause(run, run_id),
        (_, RunCommand::Resume) => resume(run, run_id),
        (_, RunCommand::Stop { force }) => stop(run, run_id, *force),
        (_, RunCommand::Delete) => delete(run, run_id),
    }
}

/// The run after `event`. Total: a fact is a fact; one that means nothing in the present status changes nothing.
pub fn evolve(run: Run, event: &Event) -> Run {
    use Status::{Absent, Completed, Deleted, Failed, Paused, Pausing, Queued, Running, Stopping};
    match (run.status, event) {
        (Absent, Event::RunRequested(requested)) => {
            Run { status: Queued, evaluation_episodes: requested.config.evaluation.episodes, ..run }
        }
        (Absent | Deleted, _) => run,
        (_, Event::RunDeleted(_)) => Run { status: Deleted, ..run },
        (_, Event::CheckpointCreated(created)) => with_checkpoint(run, created),
        (Completed | Failed, _) => run,
        (Queued, Event::RunStarted(_)) => Run { status: Running, ..run },
        (Running, Event::RunPauseRequested(_)) => Run { status: Pausing, ..run },
        (_, Event::RunPaused(paused)) => {
            let newer = paused.checkpoint.clone().or_else(|| run.checkpoint.clone());
            Run { status: Paused, timestep: paused.timestep.max(run.timestep), checkpoint: newer, ..run }
        }
        (Paused, Event::RunResumed(_)) => Run { status: Queued, ..run },
        (Running | Pausing | Stopping { .. }, Event::RunStopRequested(asked)) => {
            Run { status: Stopping { force: asked.force }, ..run }
        }
        (_, Event::RunCompleted(_)) => Run { status: Completed, ..run },
        (_, Event::RunFailed(_)) => Run { status: Failed, ..run },
        _ => run,
    }
}

fn with_checkpoint(run: Run, created: &CheckpointCreated) -> Run {
    if run.checkpoint.as_ref().is_some_and(|known| known.update > created.update) {
        return run;
    }
    Run {
        timestep: created.timestep.max(run.timestep),
        episodes_completed: created.episodes_completed,
        checkpoint: Some(CheckpointRef {
            checkpoint_id: created.checkpoint_id,
            update: created.update,
            timestep: created.timestep,
        }),
        digest: Some(created.digest.clone()),
        ..run
    }
}

/// The network of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub policy_type: PolicyType,
    /// Units of its hidden layers, where the log tells.
    pub hidden_size: Option<u32>,
}

/// Weights that every release brings along, and their network.
const UNIVERSAL: &str = "universal";
pub const UNIVERSAL_NETWORK: Network = Network { policy_type: PolicyType::MlpPolicy, hidden_size: Some(64) };

fn request(run_id: RunId, start: &StartRun, facts: StartFacts<'_>) -> Decision {
    let mut completed = run_config::complete(start, facts.command_id);
    let mut reasons = completed.as_ref().err().map_or_else(Vec::new, |rejection| rejection.0.clone());
    if let Some(parent) = start.parent_run_id.filter(|_| !facts.parent_known) {
        reasons.push(not_found("/parent_run_id", "run", parent));
    }
    if let Some(source) = start.init_from.as_deref().filter(|source| *source != UNIVERSAL) {
        if source.parse::<CheckpointId>().is_err() {
            let message = format!("`{source}` is neither `{UNIVERSAL}` nor the id of a checkpoint or an uploaded file");
            reasons.push(invalid("/init_from", message));
        } else if !facts.weights_known {
            reasons.push(not_found("/init_from", "checkpoint or model", source));
        }
    }
    let weights_of =
        if start.init_from.as_deref() == Some(UNIVERSAL) { Some(UNIVERSAL_NETWORK) } else { facts.weights_of };
    if let (Some(network), Ok(config)) = (weights_of, &mut completed) {
        config.learning.policy_type = start.policy_type.unwrap_or(network.policy_type);
        reasons.extend(other_network(network, &config.learning));
    }
    if let Some(checkpoint) = start.resume_from {
        match facts.resumed {
            Some(from) => reasons.extend(continuation::check(start, completed.as_ref().ok(), from)),
            None => reasons.push(not_found("/resume_from", "checkpoint", checkpoint)),
        }
    }
    match completed {
        Ok(config) if reasons.is_empty() => Ok(vec![Event::RunRequested(Box::new(RunRequested {
            run_id,
            name: start.name.clone().unwrap_or_else(|| run_config::default_name(&config)),
            config,
            parent_run_id: start.parent_run_id,
            init_from: start.init_from.clone(),
            resume_from: start.resume_from,
        }))]),
        _ => Err(Rejection(reasons)),
    }
}

/// What a run asks for that the weights it starts from are not.
fn other_network(found: Network, asked: &LearningSettings) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if found.policy_type != asked.policy_type {
        let (found, asked) = (found.policy_type, asked.policy_type);
        reasons
            .push(invalid("/policy_type", format!("the weights to start from are of a {found:?}, not of a {asked:?}")));
    }
    if let Some((found, asked)) = found.hidden_size.zip(asked.hidden_size).filter(|(found, asked)| found != asked) {
        let message = format!("the weights to start from have hidden layers of {found} units, not of {asked}");
        reasons.push(invalid("/config/hidden_size", message));
    }
    reasons
}

fn pause(run: &Run, run_id: RunId) -> Decision {
    match run.status {
        Status::Queued => {
            Ok(vec![Event::RunPaused(RunPaused { run_id, timestep: run.timestep, checkpoint: run.checkpoint.clone() })])
        }
        Status::Running => Ok(vec![Event::RunPauseRequested(RunPauseRequested { run_id })]),
        _ => refused(run, run_id, "be paused"),
    }
}

fn resume(run: &Run, run_id: RunId) -> Decision {
    match run.status {
        Status::Paused => Ok(vec![Event::RunResumed(RunResumed { run_id })]),
        _ => refused(run, run_id, "be resumed"),
    }
}

fn stop(run: &Run, run_id: RunId, force: bool) -> Decision {
    match run.status {
        Status::Queued | Status::Paused => Ok(vec![Event::RunCompleted(RunCompleted {
            run_id,
            outcome: Outcome::Stopped,
            timestep: run.timestep,
            episodes_completed: run.episodes_completed,
            checkpoint: run.checkpoint.clone(),
            digest: run.digest.clone(),
        })]),
        Status::Running | Status::Pausing => Ok(vec![Event::RunStopRequested(RunStopRequested { run_id, force })]),
        // Patience has ended: a forced stop overtakes one that waits for its last checkpoint.
        Status::Stopping { force: false } if force => {
            Ok(vec![Event::RunStopRequested(RunStopRequested { run_id, force })])
        }
        _ => refused(run, run_id, "be stopped"),
    }
}

fn delete(run: &Run, run_id: RunId) -> Decision {
    if run.status.is_with_trainer() {
        return refused(run, run_id, "be deleted; stop it first");
    }
    Ok(vec![Event::RunDeleted(RunDeleted { run_id })])
}

fn refused(run: &Run, run_id: RunId, what: &str) -> Decision {
    conflict(format!("run {run_id} is {} and cannot {what}", run.status.name()))
}
