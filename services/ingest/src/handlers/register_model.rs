//! `patrol.cmd.archive.register_model`: make a stored file known as a model.

use super::run_exists;
use crate::error::Result;
use crate::history::{History, Proposal};
use contracts::commands::RegisterModel;
use contracts::{CommandId, FileId};
use domain::model::{self, Model, ModelCommand};
use event_log::EventLog;

const REGISTERED: &str = "patrol.evt.archive.*.model_registered";
const DELETED: &str = "patrol.evt.archive.*.model_deleted";

pub async fn propose(log: &EventLog, id: CommandId, command: &RegisterModel) -> Result<Proposal> {
    let run_known = match command.run_id {
        Some(run) => run_exists(log, id, run).await?,
        None => true,
    };
    let known = command.run_id.filter(|_| run_known);
    let (history, model) = load(log, id, command.file_id, REGISTERED, DELETED).await?;
    Ok(history.propose(known, || model::decide(&model, command.file_id, &ModelCommand::Register(command, run_known))))
}

/// The history of all models and the state of one; guarded against what competes with the decision.
pub async fn load(log: &EventLog, id: CommandId, file: FileId, guarded: &str, other: &str) -> Result<(History, Model)> {
    let history = History::load(log, id, guarded, &[other.to_owned()]).await?;
    let model = history.fold(|model: Model, event| model::evolve(model, file, event));
    Ok((history, model))
}

/// The history for a deletion.
pub async fn load_for_deletion(log: &EventLog, id: CommandId, file: FileId) -> Result<(History, Model)> {
    load(log, id, file, DELETED, REGISTERED).await
}
