//! Checkpoints by id, whatever run made them.

use crate::connection::EventLog;
use crate::error::{Error, Result};
use crate::reader::ReadOptions;
use contracts::events::CheckpointCreated;
use contracts::{CheckpointId, Event};
use futures::StreamExt;

const ALL_CHECKPOINTS: &str = "patrol.evt.training.*.checkpoint_created";

impl EventLog {
    /// The checkpoint with this id; events that cannot be read are none.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn checkpoint(&self, id: CheckpointId) -> Result<Option<CheckpointCreated>> {
        let mut events = self.read(ReadOptions::until_now(0).filtered([ALL_CHECKPOINTS.to_owned()]));
        while let Some(recorded) = events.next().await {
            let recorded = match recorded {
                Ok(recorded) => recorded,
                Err(Error::Malformed { .. }) => continue,
                Err(error) => return Err(error),
            };
            match recorded.event() {
                Ok(Event::CheckpointCreated(created)) if created.checkpoint_id == id => return Ok(Some(*created)),
                _ => {}
            }
        }
        Ok(None)
    }
}
