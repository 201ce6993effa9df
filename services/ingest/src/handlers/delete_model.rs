//! `patrol.cmd.archive.delete_model`: hide a registered model.

use super::register_model::load_for_deletion;
use crate::error::Result;
use crate::history::Proposal;
use contracts::CommandId;
use contracts::commands::DeleteModel;
use domain::model::{self, ModelCommand};
use event_log::EventLog;

pub async fn propose(log: &EventLog, id: CommandId, command: &DeleteModel) -> Result<Proposal> {
    let (history, model) = load_for_deletion(log, id, command.file_id).await?;
    Ok(history.propose(None, || model::decide(&model, command.file_id, &ModelCommand::Delete)))
}
