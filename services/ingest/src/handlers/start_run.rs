//! `patrol.cmd.run.start`: a new run, under the client's id or one derived from the command's.

use super::{propose_on_run, run_exists};
use crate::error::Result;
use crate::history::Proposal;
use contracts::commands::StartRun;
use contracts::{CheckpointId, CommandId, Event, FileId, RunConfig, RunId};
use domain::continuation::ResumedFrom;
use domain::run::{Network, RunCommand, StartFacts};
use event_log::EventLog;
use uuid::Uuid;

pub async fn propose(log: &EventLog, id: CommandId, command: &StartRun) -> Result<Proposal> {
    let run_id = command.run_id.unwrap_or_else(|| RunId(id.derive("run")));
    let parent_known = match command.parent_run_id {
        Some(parent) => run_exists(log, id, parent).await?,
        None => true,
    };
    let weights = match command.init_from.as_deref().and_then(|source| source.parse().ok()) {
        Some(id) => weights(log, id).await?,
        None => Weights { known: true, of: None },
    };
    let resumed = match command.resume_from {
        Some(checkpoint) => resumed_from(log, checkpoint).await?,
        None => None,
    };
    let Weights { known: weights_known, of: weights_of } = weights;
    let facts = StartFacts { command_id: id, parent_known, weights_known, weights_of, resumed: resumed.as_ref() };
    propose_on_run(log, id, run_id, &RunCommand::Start(command, facts)).await
}

/// The checkpoint of any run with this id, and how that run was configured.
async fn resumed_from(log: &EventLog, checkpoint: CheckpointId) -> Result<Option<ResumedFrom>> {
    let Some(created) = log.checkpoint(checkpoint).await? else { return Ok(None) };
    let config = config_of(log, created.run_id).await?;
    Ok(config.map(|config| ResumedFrom { config, timestep: created.timestep }))
}

/// How a run was configured. What a newer version asked for is nothing to go on from.
async fn config_of(log: &EventLog, run: RunId) -> Result<Option<RunConfig>> {
    match log.run_request(run).await {
        Ok(requested) => Ok(requested.map(|requested| requested.config)),
        Err(event_log::Error::Malformed { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What the log says of weights.
struct Weights {
    /// They are a checkpoint of any run, or a model that was not deleted.
    known: bool,
    of: Option<Network>,
}

async fn weights(log: &EventLog, id: Uuid) -> Result<Weights> {
    let Some(created) = log.checkpoint(CheckpointId(id)).await? else {
        return Ok(Weights { known: model_exists(log, FileId(id)).await?, of: None });
    };
    let config = config_of(log, created.run_id).await?;
    let network =
        |RunConfig { learning, .. }| Network { policy_type: learning.policy_type, hidden_size: learning.hidden_size };
    Ok(Weights { known: true, of: config.map(network) })
}

async fn model_exists(log: &EventLog, id: FileId) -> Result<bool> {
    let filters = ["patrol.evt.archive.*.model_registered", "patrol.evt.archive.*.model_deleted"];
    let mut events = log.read(event_log::ReadOptions::until_now(0).filtered(filters.map(str::to_owned)));
    let mut exists = false;
    while let Some(recorded) = events.next_event().await? {
        match recorded.event() {
            Ok(Event::ModelRegistered(model)) if model.file_id == id => exists = true,
            Ok(Event::ModelDeleted(model)) if model.file_id == id => exists = false,
            _ => {}
        }
    }
    Ok(exists)
}
