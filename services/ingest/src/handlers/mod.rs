//! One file per command: which history it is decided upon, and what is asked of the domain.

mod delete_model;
mod delete_run;
mod pause_run;
mod register_model;
mod resume_run;
mod start_evaluation;
mod start_run;
mod stop_run;

use crate::error::Result;
use crate::history::{History, Proposal};
use contracts::{Command, CommandId, RunId, subjects};
use domain::run::{self, Run, RunCommand, Status};
use event_log::EventLog;

/// What `command` would cause as things stand.
pub async fn propose(log: &EventLog, id: CommandId, command: &Command) -> Result<Proposal> {
    match command {
        Command::StartRun(command) => start_run::propose(log, id, command).await,
        Command::PauseRun(command) => pause_run::propose(log, id, command).await,
        Command::ResumeRun(command) => resume_run::propose(log, id, command).await,
        Command::StopRun(command) => stop_run::propose(log, id, command).await,
        Command::DeleteRun(command) => delete_run::propose(log, id, command).await,
        Command::StartEvaluation(command) => start_evaluation::propose(log, id, command).await,
        Command::RegisterModel(command) => register_model::propose(log, id, command).await,
        Command::DeleteModel(command) => delete_model::propose(log, id, command).await,
    }
}

/// Decides on the run `run_id` upon its lifecycle and its checkpoints.
async fn propose_on_run(log: &EventLog, id: CommandId, run_id: RunId, command: &RunCommand<'_>) -> Result<Proposal> {
    let checkpoints = subjects::event("training", Some(run_id), "checkpoint_created");
    let history = History::of_run(log, id, run_id, &[checkpoints]).await?;
    let run: Run = history.fold(run::evolve);
    let known = (run.status != Status::Absent).then_some(run_id);
    Ok(history.propose(known, || run::decide(&run, run_id, command)))
}

/// Whether a run was requested and not deleted.
async fn run_exists(log: &EventLog, id: CommandId, run_id: RunId) -> Result<bool> {
    let run: Run = History::of_run(log, id, run_id, &[]).await?.fold(run::evolve);
    Ok(!matches!(run.status, Status::Absent | Status::Deleted))
}
