//! A run is the same bits whatever interrupts it and however many threads train it.

use crate::harness::{Process, System, small_run, with};
use anyhow::{Context, Result, ensure};
use contracts::events::{RunCompleted, RunStarted};
use contracts::{Event, RunId, subjects};
use serde_json::{Value, json};

const TIMESTEPS: u64 = 16_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_kill_and_resume_change_no_bit_and_neither_do_threads() -> Result<()> {
    let system = System::start().await?;
    let _ingest = system.service("ingest")?;
    let single = system.executable.clone().and("TRAINER_THREADS", "1");
    let trainer = system.service_of(&single, "trainer")?;
    let uninterrupted = system.digest_of(&small_run(1, TIMESTEPS)).await?;
    for (number, threads) in [(2, 2), (3, 4)] {
        let threaded = with(small_run(number, TIMESTEPS), "num_workers", threads);
        assert_eq!(system.digest_of(&threaded).await?, uninterrupted, "{threads} threads");
    }
    let mut other = small_run(4, TIMESTEPS);
    other["config"]["seed"] = json!(8);
    assert_ne!(system.digest_of(&other).await?, uninterrupted, "another seed");

    let (completed, starts) = interrupted(&system, trainer, &small_run(5, TIMESTEPS)).await?;
    assert_eq!(completed.digest, Some(uninterrupted));
    assert_eq!(starts[0].threads, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_convolutional_policy_is_no_exception() -> Result<()> {
    let system = System::start().await?;
    let _ingest = system.service("ingest")?;
    let trainer = system.service("trainer")?;
    let payload = |number| with(small_run(number, TIMESTEPS), "policy_type", "CnnPolicy");
    let uninterrupted = system.digest_of(&payload(1)).await?;
    let perceptron = system.digest_of(&small_run(2, TIMESTEPS)).await?;
    assert_ne!(perceptron, uninterrupted, "the policy type matters");
    let (completed, _) = interrupted(&system, trainer, &payload(3)).await?;
    assert_eq!(completed.digest, Some(uninterrupted));
    Ok(())
}

/// Trains a run that is paused, whose trainer is killed, and that another trainer resumes.
async fn interrupted(system: &System, trainer: Process, payload: &Value) -> Result<(RunCompleted, Vec<RunStarted>)> {
    let run = system.start_run(payload).await?;
    system.checkpoint_after(run, 1280).await?;
    system.publish("patrol.cmd.run.pause", &json!({ "run_id": run })).await?;
    let paused = system.wait_for_event(subjects::run_lifecycle(run), |_, event| match event {
        Event::RunPaused(paused) => Some(paused.clone()),
        _ => None,
    });
    let paused = paused.await?;
    ensure!(paused.timestep < TIMESTEPS, "{paused:?}");
    trainer.kill().await?;
    let _trainer = system.service("trainer")?;
    system.publish("patrol.cmd.run.resume", &json!({ "run_id": run })).await?;
    let completed = system.completed(run).await?;
    let starts = starts(system, run).await?;
    assert_eq!(starts.len(), 2);
    assert_ne!(starts[0].trainer_id, starts[1].trainer_id);
    assert_eq!(starts[1].resumed_from, Some(paused.checkpoint.context("a checkpoint")?));
    Ok((completed, starts))
}

async fn starts(system: &System, run: RunId) -> Result<Vec<RunStarted>> {
    let events = system.events(run).await?.into_iter().filter_map(|event| match event {
        Event::RunStarted(started) => Some(started),
        _ => None,
    });
    Ok(events.collect())
}
