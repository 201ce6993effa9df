//! SIGKILL in the middle of a run, and a trainer that wakes up after its run was taken over.

use crate::harness::{System, small_run};
use anyhow::{Context, Result, ensure};
use contracts::events::{CheckpointCreated, RunStarted};
use contracts::{Event, RunId};
use std::collections::BTreeSet;

const TIMESTEPS: u64 = 25_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_survive_dead_and_frozen_trainers_and_the_death_of_ingest_and_projector() -> Result<()> {
    let system = System::start().await?;
    let (ingest, projector) = (system.service("ingest")?, system.service("projector")?);
    let (frozen, _evaluator) = (system.service("trainer")?, system.service("evaluator")?);
    let undisturbed = system.digest_of(&small_run(1, TIMESTEPS)).await?;
    let dying = system.service("trainer")?;

    // Each trainer takes one run.
    let runs = [system.start_run(&small_run(2, TIMESTEPS)).await?, system.start_run(&small_run(3, TIMESTEPS)).await?];
    for run in runs {
        system.checkpoint_after(run, 1280).await?;
    }
    frozen.freeze()?;
    for process in [dying, ingest, projector] {
        process.kill().await?;
    }
    for run in runs {
        let events = system.events(run).await?;
        ensure!(!events.iter().any(|event| matches!(event, Event::RunCompleted(_))), "killed too late");
    }
    let _born = [system.service("projector")?, system.service("ingest")?];
    let heirs = [system.service("trainer")?, system.service("trainer")?];
    for run in runs {
        assert_eq!(system.completed(run).await?.digest.as_deref(), Some(undisturbed.as_str()));
    }

    // The frozen one wakes up and goes on; it takes another run only once it has let go of the one it lost.
    for heir in heirs {
        heir.kill().await?;
    }
    frozen.thaw()?;
    let last = system.start_run(&small_run(4, 1280)).await?;
    system.completed(last).await?;
    system.evaluated(last).await?;
    system.settle().await?;
    for run in runs {
        was_trained_by_one_at_a_time(&system, run).await?;
        system.every_step_is_archived_once(run, TIMESTEPS).await?;
    }
    system.replay_is_identical().await?;
    Ok(())
}

/// Two trainers after each other, one end, every checkpoint once, and nothing after the end.
async fn was_trained_by_one_at_a_time(system: &System, run: RunId) -> Result<()> {
    let events = system.events(run).await?;
    let starts: Vec<&RunStarted> = events.iter().filter_map(started).collect();
    assert_eq!(starts.len(), 2);
    assert_ne!(starts[0].trainer_id, starts[1].trainer_id);
    ensure!(starts[1].resumed_from.is_some(), "{starts:?}");
    let updates: Vec<u64> = events.iter().filter_map(checkpoint).map(|created| created.update).collect();
    assert_eq!(updates.len(), updates.iter().collect::<BTreeSet<_>>().len(), "{updates:?}");
    assert_eq!(updates.len() as u64, TIMESTEPS / 256);
    let end = events.iter().position(|event| matches!(event, Event::RunCompleted(_))).context("an end")?;
    let late = events[end + 1..].iter().find(|event| matches!(event.name().0, "run" | "training"));
    ensure!(late.is_none(), "{late:?}");
    Ok(())
}

fn started(event: &Event) -> Option<&RunStarted> {
    match event {
        Event::RunStarted(started) => Some(started),
        _ => None,
    }
}

fn checkpoint(event: &Event) -> Option<&CheckpointCreated> {
    match event {
        Event::CheckpointCreated(created) => Some(created),
        _ => None,
    }
}
