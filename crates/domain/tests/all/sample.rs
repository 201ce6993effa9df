//! Events and commands of one run, as a trainer and clients would write them.

use contracts::commands::StartRun;
use contracts::events::{
    BlobRef, CheckpointCreated, CheckpointRef, Outcome, RunCompleted, RunDeleted, RunFailed, RunPauseRequested,
    RunPaused, RunRequested, RunResumed, RunStarted, RunStopRequested,
};
use contracts::{CheckpointId, CommandId, Event, Reason, Rejection, RunId};
use domain::run::StartFacts;
use domain::run_config;
use uuid::Uuid;

pub const RUN: RunId = RunId(Uuid::from_u128(7));
pub const COMMAND: CommandId = CommandId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0009));
pub const FACTS: StartFacts<'static> =
    StartFacts { command_id: COMMAND, parent_known: true, weights_known: true, weights_of: None, resumed: None };

pub fn start() -> StartRun {
    StartRun { total_timesteps: 1_000_000, ..StartRun::default() }
}

pub fn requested() -> Event {
    let config = run_config::complete(&start(), COMMAND).expect("a valid start");
    let name = run_config::default_name(&config);
    Event::RunRequested(Box::new(RunRequested {
        run_id: RUN,
        name,
        config,
        parent_run_id: None,
        init_from: None,
        resume_from: None,
    }))
}

pub fn started() -> Event {
    Event::RunStarted(RunStarted {
        run_id: RUN,
        trainer_id: "trainer-1".into(),
        resumed_from: None,
        binary_sha256: "0".repeat(64),
        cpu_features: vec!["avx2".into()],
        threads: 2,
    })
}

/// The checkpoint after `update`, 8192 environment steps each.
pub fn checkpoint(update: u64) -> CheckpointRef {
    CheckpointRef { checkpoint_id: CheckpointId::of(RUN, update), update, timestep: update * 8192 }
}

pub fn checkpoint_created(update: u64) -> Event {
    let CheckpointRef { checkpoint_id, timestep, .. } = checkpoint(update);
    let blob = BlobRef { uri: format!("checkpoints/{update}"), sha256: "a".repeat(64), bytes: 1, rows: None };
    Event::CheckpointCreated(Box::new(CheckpointCreated {
        run_id: RUN,
        checkpoint_id,
        update,
        timestep,
        episodes_completed: update * 5,
        policy: blob.clone(),
        resume: blob,
        digest: format!("{update:064x}"),
        next_segment: update,
        mean_threat: Some(0.5),
        is_last: false,
    }))
}

pub fn pause_requested() -> Event {
    Event::RunPauseRequested(RunPauseRequested { run_id: RUN })
}

pub fn paused(checkpoint: Option<CheckpointRef>) -> Event {
    let timestep = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.timestep);
    Event::RunPaused(RunPaused { run_id: RUN, timestep, checkpoint })
}

pub fn resumed() -> Event {
    Event::RunResumed(RunResumed { run_id: RUN })
}

pub fn stop_requested(force: bool) -> Event {
    Event::RunStopRequested(RunStopRequested { run_id: RUN, force })
}

pub fn completed(outcome: Outcome) -> Event {
    Event::RunCompleted(RunCompleted {
        run_id: RUN,
        outcome,
        timestep: 0,
        episodes_completed: 0,
        checkpoint: None,
        digest: None,
    })
}

pub fn failed() -> Event {
    Event::RunFailed(RunFailed { run_id: RUN, timestep: 0, code: "blob_missing".into(), message: "gone".into() })
}

pub fn deleted() -> Event {
    Event::RunDeleted(RunDeleted { run_id: RUN })
}

pub fn conflict(message: impl Into<String>) -> Rejection {
    Reason::new("", "conflict", message).into()
}

pub fn not_found(field: &str, message: impl Into<String>) -> Rejection {
    Reason::new(field, "not_found", message).into()
}
