//! Commands that had no effect.

use crate::ids::{CommandId, RunId};
use crate::validation::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A command was refused; its causation id is the command's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandRejected {
    pub command_id: CommandId,
    /// `<aggregate>.<verb>` as sent, at most 120 characters.
    pub command: String,
    pub run_id: Option<RunId>,
    /// Every reason, not only the first.
    pub reasons: Vec<Reason>,
}
