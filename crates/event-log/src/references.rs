//! Runs, checkpoints and models by id: what other events refer to.

use crate::connection::EventLog;
use crate::error::{Error, Result};
use contracts::events::{CheckpointCreated, ModelRegistered, RunRequested};
use contracts::{CheckpointId, Event, FileId, RunId, subjects};

const ALL_CHECKPOINTS: &str = "patrol.evt.training.*.checkpoint_created";
const ALL_MODELS: &str = "patrol.evt.archive.*.model_registered";

impl EventLog {
    /// How a run was asked for; `None` when the log holds no such run.
    ///
    /// # Errors
    /// When the log cannot be read, or this version cannot read the request.
    pub async fn run_request(&self, run: RunId) -> Result<Option<RunRequested>> {
        let subject = subjects::event("run", Some(run), "requested");
        let Some(recorded) = self.last_event(&subject).await? else { return Ok(None) };
        match recorded.event() {
            Ok(Event::RunRequested(requested)) => Ok(Some(*requested)),
            Ok(_) => Ok(None),
            Err(error) => Err(Error::Malformed { sequence: recorded.sequence, subject, reason: error.to_string() }),
        }
    }

    /// The checkpoints of a run, each once, in the order of their updates.
    ///
    /// # Errors
    /// When the log cannot be read, or this version cannot read one of them.
    pub async fn checkpoints(&self, run: RunId) -> Result<Vec<CheckpointCreated>> {
        let subject = subjects::event("training", Some(run), "checkpoint_created");
        let mut checkpoints = Vec::new();
        for recorded in self.load(&subject).await? {
            match recorded.event() {
                Ok(Event::CheckpointCreated(created)) => checkpoints.push(*created),
                Ok(_) => {}
                Err(error) => {
                    let (sequence, reason) = (recorded.sequence, error.to_string());
                    return Err(Error::Malformed { sequence, subject, reason });
                }
            }
        }
        checkpoints.sort_by_key(|checkpoint| checkpoint.update);
        checkpoints.dedup_by_key(|checkpoint| checkpoint.update);
        Ok(checkpoints)
    }

    /// The checkpoint with this id, whatever run made it; events that cannot be read are none.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn checkpoint(&self, id: CheckpointId) -> Result<Option<CheckpointCreated>> {
        self.first(ALL_CHECKPOINTS, |event| match event {
            Event::CheckpointCreated(created) if created.checkpoint_id == id => Some(*created),
            _ => None,
        })
        .await
    }

    /// The uploaded model with this id, deleted or not; events that cannot be read are none.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn model(&self, id: FileId) -> Result<Option<ModelRegistered>> {
        self.first(ALL_MODELS, |event| match event {
            Event::ModelRegistered(model) if model.file_id == id => Some(*model),
            _ => None,
        })
        .await
    }

    /// What `pick` makes of the first event on `filter` from which it makes something.
    async fn first<T>(&self, filter: &str, pick: impl Fn(Event) -> Option<T>) -> Result<Option<T>> {
        let mut events = self.history(filter, 1);
        while let Some(recorded) = events.next_event().await? {
            if let Some(found) = recorded.event().ok().and_then(&pick) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
