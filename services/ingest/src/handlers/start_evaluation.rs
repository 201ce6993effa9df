//! `patrol.cmd.evaluation.start`: evaluate a checkpoint of a run, its newest, or an uploaded model in its world.

use crate::error::Result;
use crate::history::{History, Proposal};
use contracts::commands::StartEvaluation;
use contracts::{CommandId, EvaluationId, subjects};
use domain::evaluation::{self, Evaluations};
use domain::run::Status;
use event_log::EventLog;

/// Every uploaded model, and those that are gone.
const MODELS: [&str; 2] = ["patrol.evt.archive.*.model_registered", "patrol.evt.archive.*.model_deleted"];

pub async fn propose(log: &EventLog, id: CommandId, command: &StartEvaluation) -> Result<Proposal> {
    let run_id = command.run_id;
    let mut others = vec![
        subjects::event("training", Some(run_id), "checkpoint_created"),
        subjects::event("evaluation", Some(run_id), "requested"),
    ];
    // Models belong to no run in particular; few commands ask for one.
    if command.checkpoint_id.is_some() {
        others.extend(MODELS.map(str::to_owned));
    }
    let history = History::of_run(log, id, run_id, &others).await?;
    let state: Evaluations = history.fold(evaluation::evolve);
    let known = (state.run.status != Status::Absent).then_some(run_id);
    let evaluation_id = command.evaluation_id.unwrap_or_else(|| EvaluationId(id.derive("evaluation")));
    Ok(history.propose(known, || evaluation::decide(&state, evaluation_id, command)))
}
