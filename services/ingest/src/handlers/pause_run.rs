//! `patrol.cmd.run.pause`: stop computing; the trainer keeps a checkpoint.

use super::propose_on_run;
use crate::error::Result;
use crate::history::Proposal;
use contracts::CommandId;
use contracts::commands::PauseRun;
use domain::run::RunCommand;
use event_log::EventLog;

pub async fn propose(log: &EventLog, id: CommandId, command: &PauseRun) -> Result<Proposal> {
    propose_on_run(log, id, command.run_id, &RunCommand::Pause).await
}
