//! A run against what was recorded of it, whole and with a flipped byte.

use crate::harness::{System, flip, small_run};
use anyhow::{Context, Result, ensure};
use contracts::Event;
use contracts::events::{Split, Table};
use serde_json::Value;

const TIMESTEPS: u64 = 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_verified_and_a_flipped_byte_is_found() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    let run = system.start_run(&small_run(1, TIMESTEPS)).await?;
    system.completed(run).await?;
    system.evaluated(run).await?;
    system.settle().await?;
    let name = run.to_string();

    let report = system.executable.json(&["verify", "run", &name, "--retrain", "--json"]).await?;
    assert_eq!(report["verdict"], "identical", "{report:#}");
    for (check, least) in
        [("checkpoints", 4), ("archive files", 4), ("last evaluation", 1), ("episodes", 6), ("training", 4)]
    {
        let found = check_of(&report, check)?;
        ensure!(found["compared"].as_u64() >= Some(least) && found["different"] == 0, "{found:#}");
    }
    assert_eq!(report["notes"], serde_json::json!([]), "the same executable on the same processor");

    let events = system.events(run).await?;
    let weights = events.iter().find_map(|event| match event {
        Event::CheckpointCreated(created) => Some(created.policy.uri.clone()),
        _ => None,
    });
    flip(&system.store_path().join(weights.context("a checkpoint")?))?;
    let report = different(&system, &name).await?;
    assert_eq!(check_of(&report, "checkpoints")?["different"], 1, "{report:#}");
    assert_eq!(check_of(&report, "archive files")?["different"], 0, "{report:#}");

    let steps = events.iter().find_map(|event| match event {
        Event::FileWritten(file) if (file.split, file.table) == (Split::Train, Table::Steps) => Some(&file.blob.uri),
        _ => None,
    });
    std::fs::remove_file(system.store_path().join(steps.context("a file")?))?;
    let report = different(&system, &name).await?;
    assert_eq!(check_of(&report, "archive files")?["different"], 1, "{report:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_verified_is_neither_right_nor_wrong() -> Result<()> {
    let system = System::start().await?;
    let _ingest = system.service("ingest")?;
    system.ready().await?;
    let unknown = system.executable.run(&["verify", "run", "00000000-0000-4000-8000-000000000001"]).await?;
    ensure!(unknown.code == Some(2) && unknown.stderr.contains("holds no run"), "{unknown:?}");
    let run = system.start_run(&small_run(1, TIMESTEPS)).await?.to_string();
    test_support::wait_for("the request", crate::harness::PATIENCE, async || {
        match system.log.load("patrol.evt.run.*.requested").await {
            Ok(requests) if !requests.is_empty() => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    let queued = system.executable.run(&["verify", "run", &run]).await?;
    ensure!(queued.code == Some(2) && queued.stdout.contains("could not be verified"), "{queued:?}");
    let model = system.executable.json(&["verify", "model", "--json"]).await?;
    assert_eq!(model["verdict"], "identical", "{model:#}");
    Ok(())
}

/// The report of a verification that has to find something.
async fn different(system: &System, run: &str) -> Result<Value> {
    let finished = system.executable.run(&["verify", "run", run, "--json"]).await?;
    ensure!(finished.code == Some(1), "{finished:?}");
    let report: Value = serde_json::from_str(&finished.stdout)?;
    assert_eq!(report["verdict"], "different", "{report:#}");
    Ok(report)
}

fn check_of<'a>(report: &'a Value, name: &str) -> Result<&'a Value> {
    let checks = report["checks"].as_array().into_iter().flatten();
    checks.into_iter().find(|check| check["check"] == name).with_context(|| format!("{report:#}"))
}
