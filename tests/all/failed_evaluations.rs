//! A checkpoint that cannot be evaluated: nobody waits for it in vain.

use crate::harness::{Process, SMALL, System, flip};
use anyhow::{Context, Result, ensure};
use contracts::{Event, RunId};
use read_models::Paging;
use serde_json::{Value, json};
use std::path::PathBuf;

const SWEEP: [&str; 8] =
    ["sweep", "damaged", "--steps", "512", "--param", "learning_rate=0.001", "--set", "config.evaluation_episodes=2"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupted_checkpoint_fails_its_evaluation_and_the_sweep_that_waits_for_it() -> Result<()> {
    let system = System::start().await?;
    let _services = [system.service("ingest")?, system.service("trainer")?, system.service("projector")?];
    system.ready().await?;
    let sweep: Vec<&str> = SWEEP.into_iter().chain(SMALL).collect();
    let (swept, (run, policy, _evaluator)) = tokio::try_join!(system.executable.run(&sweep), damaged(&system))?;
    ensure!(swept.code == Some(1), "{swept:?}");
    let report: Value = serde_json::from_str(&swept.stdout)?;
    let trial = &report["trials"][0]["runs"][0];
    ensure!(trial["failure"].as_str().is_some_and(|failure| failure.contains("recorded SHA-256")), "{report:#}");
    assert_eq!(trial["run_id"], run.to_string());

    system.settle().await?;
    let evaluations = system.models.evaluations(run, Paging::new(1, 10)).await?.items;
    let [failed] = &evaluations[..] else { anyhow::bail!("{evaluations:?}") };
    assert_eq!((failed.status.as_str(), failed.failure_code.as_deref()), ("failed", Some("blob_corrupt")));
    let status = system.executable.json(&["status", "--json"]).await?;
    assert_eq!(status["failed_evaluations"][0]["code"], "blob_corrupt", "{status:#}");
    system.replay_is_identical().await?;

    let again = system.executable.run(&["evaluation", "start", &run.to_string()]).await?;
    ensure!(again.code == Some(3) && again.stderr.starts_with("patrol: the evaluation failed: "), "{again:?}");
    flip(&policy)?;
    system.executable.json(&["evaluation", "start", &run.to_string(), "--json"]).await?;
    let report = system.executable.json(&sweep).await?;
    assert_eq!((&report["trials"][0]["rank"], &report["trials"][0]["runs"][0]["failure"]), (&json!(1), &Value::Null));
    Ok(())
}

/// Waits for the end of the run, changes a bit of its last policy, and only then lets an evaluator come.
async fn damaged(system: &System) -> Result<(RunId, PathBuf, Process)> {
    let completed = system.wait_for_event("patrol.evt.run.*.completed".to_owned(), |_, event| match event {
        Event::RunCompleted(completed) => Some(completed.clone()),
        _ => None,
    });
    let completed = completed.await?;
    let last = completed.checkpoint.context("a checkpoint")?.checkpoint_id;
    let events = system.events(completed.run_id).await?;
    let policy = events.into_iter().find_map(|event| match event {
        Event::CheckpointCreated(created) if created.checkpoint_id == last => Some(created.policy.uri),
        _ => None,
    });
    let policy = system.store_path().join(policy.context("its event")?);
    flip(&policy)?;
    Ok((completed.run_id, policy, system.service("evaluator")?))
}
