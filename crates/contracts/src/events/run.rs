//! Lifecycle of a run: the only aggregate with optimistic concurrency.

use crate::config::RunConfig;
use crate::ids::{CheckpointId, RunId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A run was accepted; its stream sequence is the run's number for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRequested {
    pub run_id: RunId,
    pub name: String,
    pub config: RunConfig,
    pub parent_run_id: Option<RunId>,
    /// Weights to start from: `universal`, a checkpoint id or an uploaded file id.
    pub init_from: Option<String>,
    /// The checkpoint whose complete state it goes on from; excludes `init_from`.
    pub resume_from: Option<CheckpointId>,
}

/// A trainer took the run. Whoever appended the newest `run.started` owns it; all others must stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunStarted {
    pub run_id: RunId,
    /// The trainer process.
    pub trainer_id: String,
    /// The checkpoint it goes on from; absent at the beginning.
    pub resumed_from: Option<CheckpointRef>,
    /// SHA-256 of the executable.
    pub binary_sha256: String,
    /// CPU features that choose kernels, e.g. `avx512f`.
    pub cpu_features: Vec<String>,
    pub threads: u32,
}

/// A checkpoint and where in the run it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointRef {
    pub checkpoint_id: CheckpointId,
    pub update: u64,
    pub timestep: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunPauseRequested {
    pub run_id: RunId,
}

/// The trainer has let go of the run; it goes on from `checkpoint`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunPaused {
    pub run_id: RunId,
    pub timestep: u64,
    /// Absent when the run had not begun.
    pub checkpoint: Option<CheckpointRef>,
}

/// The run waits for a trainer again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResumed {
    pub run_id: RunId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunStopRequested {
    pub run_id: RunId,
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All timesteps were trained.
    Finished,
    /// A client stopped it.
    Stopped,
    /// Its evaluations no longer got better.
    EarlyStopped,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunCompleted {
    pub run_id: RunId,
    pub outcome: Outcome,
    pub timestep: u64,
    pub episodes_completed: u64,
    /// The last checkpoint; absent when the run was stopped before its first.
    pub checkpoint: Option<CheckpointRef>,
    /// SHA-256 over the last checkpoint's policy and resume state.
    pub digest: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunFailed {
    pub run_id: RunId,
    pub timestep: u64,
    /// Stable, for machines, e.g. `checkpoint_unreadable`.
    pub code: String,
    /// One line for people.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDeleted {
    pub run_id: RunId,
}
