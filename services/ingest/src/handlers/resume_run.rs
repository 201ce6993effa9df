//! `patrol.cmd.run.resume`: queue a paused run again.

use super::propose_on_run;
use crate::error::Result;
use crate::history::Proposal;
use contracts::CommandId;
use contracts::commands::ResumeRun;
use domain::run::RunCommand;
use event_log::EventLog;

pub async fn propose(log: &EventLog, id: CommandId, command: &ResumeRun) -> Result<Proposal> {
    propose_on_run(log, id, command.run_id, &RunCommand::Resume).await
}
