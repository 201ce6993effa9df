//! `patrol.cmd.run.start`: a new run, under the client's id or one derived from the command's.

use super::{propose_on_run, run_exists};
use crate::error::Result;
use crate::history::Proposal;
use contracts::commands::StartRun;
use contracts::{CheckpointId, CommandId, Event, RunId};
use domain::continuation::ResumedFrom;
use domain::run::{RunCommand, StartFacts};
use event_log::EventLog;
use futures::StreamExt;
use uuid::Uuid;

pub async fn propose(log: &EventLog, id: CommandId, command: &StartRun) -> Result<Proposal> {
    let run_id = command.run_id.unwrap_or_else(|| RunId(id.derive("run")));
    let parent_known = match command.parent_run_id {
        Some(parent) => run_exists(log, id, parent).await?,
        None => true,
    };
    let weights_known = match command.init_from.as_deref().and_then(|source| source.parse().ok()) {
        Some(weights) => weights_exist(log, weights).await?,
        None => true,
    };
    let resumed = match command.resume_from {
        Some(checkpoint) => resumed_from(log, checkpoint).await?,
        None => None,
    };
    let facts = StartFacts { command_id: id, parent_known, weights_known, resumed: resumed.as_ref() };
    propose_on_run(log, id, run_id, &RunCommand::Start(command, facts)).await
}

/// The checkpoint of any run with this id, and how that run was configured.
async fn resumed_from(log: &EventLog, checkpoint: CheckpointId) -> Result<Option<ResumedFrom>> {
    let Some(created) = log.checkpoint(checkpoint).await? else { return Ok(None) };
    match log.run_request(created.run_id).await {
        Ok(Some(run)) => Ok(Some(ResumedFrom { config: run.config, timestep: created.timestep })),
        // What a newer version asked for is nothing to go on from.
        Ok(None) | Err(event_log::Error::Malformed { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a checkpoint of any run, or a model that was not deleted, has this id.
async fn weights_exist(log: &EventLog, id: Uuid) -> Result<bool> {
    let filters = [
        "patrol.evt.training.*.checkpoint_created",
        "patrol.evt.archive.*.model_registered",
        "patrol.evt.archive.*.model_deleted",
    ];
    let mut events = log.read(event_log::ReadOptions::until_now(0).filtered(filters.map(str::to_owned)));
    let mut exist = false;
    while let Some(recorded) = events.next().await {
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(event_log::Error::Malformed { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        match recorded.event() {
            Ok(Event::CheckpointCreated(created)) if created.checkpoint_id.0 == id => exist = true,
            Ok(Event::ModelRegistered(model)) if model.file_id.0 == id => exist = true,
            Ok(Event::ModelDeleted(model)) if model.file_id.0 == id => exist = false,
            _ => {}
        }
    }
    Ok(exist)
}
