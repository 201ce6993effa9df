//! `patrol.cmd.run.delete`: hide a run that nobody trains.

use super::propose_on_run;
use crate::error::Result;
use crate::history::Proposal;
use contracts::CommandId;
use contracts::commands::DeleteRun;
use domain::run::RunCommand;
use event_log::EventLog;

pub async fn propose(log: &EventLog, id: CommandId, command: &DeleteRun) -> Result<Proposal> {
    propose_on_run(log, id, command.run_id, &RunCommand::Delete).await
}
