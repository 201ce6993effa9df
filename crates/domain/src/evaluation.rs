//! Evaluations that a client asks for; those of new checkpoints happen by themselves.

use crate::Decision;
use crate::refusal::{conflict, no_such_run, not_found};
use crate::run::{self, Run, Status};
use contracts::commands::StartEvaluation;
use contracts::events::EvaluationRequested;
use contracts::{CheckpointId, EvaluationId, Event, FileId, RunId};
use std::collections::BTreeSet;

/// What was trained and asked for in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluations {
    pub run: Run,
    pub checkpoints: BTreeSet<CheckpointId>,
    /// Uploaded models that were not deleted: they share the checkpoints' space of ids.
    pub models: BTreeSet<FileId>,
    pub requested: BTreeSet<EvaluationId>,
}

/// Decides on `command`; `evaluation_id` is the client's, or derived from the command's id.
///
/// # Errors
/// `not_found` for an unknown run, checkpoint or model and for a run without any checkpoint, `conflict` for an id in use.
pub fn decide(state: &Evaluations, evaluation_id: EvaluationId, command: &StartEvaluation) -> Decision {
    let run_id: RunId = command.run_id;
    if matches!(state.run.status, Status::Absent | Status::Deleted) {
        return no_such_run(run_id);
    }
    if state.requested.contains(&evaluation_id) {
        return conflict(format!("evaluation {evaluation_id} was requested already"));
    }
    match command.checkpoint_id {
        Some(wanted) if !state.checkpoints.contains(&wanted) && !state.models.contains(&FileId(wanted.0)) => {
            return Err(not_found("/checkpoint_id", "checkpoint or model", wanted).into());
        }
        None if state.checkpoints.is_empty() => {
            return conflict(format!("run {run_id} is {} and has no checkpoint yet", state.run.status.name()));
        }
        _ => {}
    }
    Ok(vec![Event::EvaluationRequested(EvaluationRequested {
        run_id,
        evaluation_id,
        checkpoint_id: command.checkpoint_id,
        episodes: command.episodes.unwrap_or(state.run.evaluation_episodes),
    })])
}

/// The state after `event`.
pub fn evolve(mut state: Evaluations, event: &Event) -> Evaluations {
    match event {
        Event::CheckpointCreated(created) => drop(state.checkpoints.insert(created.checkpoint_id)),
        Event::ModelRegistered(model) => drop(state.models.insert(model.file_id)),
        Event::ModelDeleted(model) => drop(state.models.remove(&model.file_id)),
        Event::EvaluationRequested(requested) => drop(state.requested.insert(requested.evaluation_id)),
        _ => {}
    }
    Evaluations { run: run::evolve(state.run, event), ..state }
}
