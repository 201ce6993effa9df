//! Which commands were rejected. Facts are found in their aggregate's own history; a rejection belongs to none, so that a
//! command that comes again is looked for here.

use crate::error::Result;
use contracts::CommandId;
use event_log::{Error, EventLog};
use std::collections::{HashMap, VecDeque};
use uuid::Uuid;

const REJECTIONS: &str = "patrol.evt.command.*.rejected";
/// Rejections that are remembered, the newest: about 10 MB. A command that comes again after so many others is decided anew.
const REMEMBERED: usize = 100_000;

/// The rejections of the log, read once and then read on.
#[derive(Debug, Default)]
pub struct Rejections {
    /// Where the first rejection of each command stands.
    places: HashMap<Uuid, u64>,
    /// Their commands, the oldest first.
    commands: VecDeque<Uuid>,
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
                    if let Some(command) = recorded.envelope.causation_id {
                        self.remember(command, recorded.sequence);
                    }
                    recorded.sequence
                }
                // What is no event rejects nothing.
                Err(Error::Malformed { sequence, .. }) => sequence,
                Err(error) => return Err(error.into()),
            };
        }
        Ok(self.places.get(&command.0).copied())
    }

    fn remember(&mut self, command: Uuid, sequence: u64) {
        if self.places.contains_key(&command) {
            return;
        }
        if self.commands.len() == REMEMBERED {
            self.commands.pop_front().map(|oldest| self.places.remove(&oldest));
        }
        self.commands.push_back(command);
        self.places.insert(command, sequence);
    }
}
