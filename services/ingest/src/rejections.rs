//! Which commands were rejected. Facts are found in their aggregate's own history; a rejection belongs to none, so that a
//! command that comes again is looked for here.

use crate::error::Result;
use contracts::CommandId;
use event_log::{Error, EventLog};
use std::collections::HashMap;
use uuid::Uuid;

const REJECTIONS: &str = "patrol.evt.command.*.rejected";

/// The rejections of the log, read once and then read on.
#[derive(Debug, Default)]
pub struct Rejections {
    /// Where the first rejection of each command stands.
    places: HashMap<Uuid, u64>,
    /// The last rejection that was read.
    read: u64,
}

impl Rejections {
    /// Where the command was rejected, by whatever instance.
    pub async fn find(&mut self, log: &EventLog, command: CommandId) -> Result<Option<u64>> {
        let mut rest = log.history(REJECTIONS, self.read + 1);
        while let Some(recorded) = rest.next_event().await.transpose() {
            self.read = match recorded {
                Ok(recorded) => {
                    let cause = recorded.envelope.causation_id;
                    cause.map(|command| *self.places.entry(command).or_insert(recorded.sequence));
                    recorded.sequence
                }
                // What is no event rejects nothing.
                Err(Error::Malformed { sequence, .. }) => sequence,
                Err(error) => return Err(error.into()),
            };
        }
        Ok(self.places.get(&command.0).copied())
    }
}
