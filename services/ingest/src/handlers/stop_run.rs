//! `patrol.cmd.run.stop`: end a run early.

use super::propose_on_run;
use crate::error::Result;
use crate::history::Proposal;
use contracts::CommandId;
use contracts::commands::StopRun;
use domain::run::RunCommand;
use event_log::EventLog;

pub async fn propose(log: &EventLog, id: CommandId, command: &StopRun) -> Result<Proposal> {
    propose_on_run(log, id, command.run_id, &RunCommand::Stop { force: command.force }).await
}
