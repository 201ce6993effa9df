//! A run that trains in worlds and teams of all kinds, from the command line to the archive.

use crate::harness::{PATIENCE, System};
use anyhow::{Context, Result, ensure};
use contracts::RunId;
use serde_json::Value;

/// Four updates of 32 steps in 22 environments, which hold a team of every size.
const START: [&str; 24] = [
    "run",
    "start",
    "--json",
    "--worlds",
    "universal",
    "--size",
    "8",
    "--robots",
    "2",
    "--seed",
    "7",
    "--steps",
    "2816",
    "--set",
    "num_envs=22",
    "--set",
    "config.rollout_length=32",
    "--set",
    "config.max_steps=50",
    "--set",
    "config.evaluation_episodes=2",
    "--set",
    "config.checkpoint_every_updates=2",
    "--set=config.epochs=1",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worlds_of_all_kinds_are_trained_in_archived_and_verified() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    system.ready().await?;
    let started = system.executable.json(&START).await?;
    let run: RunId = started["run_id"].as_str().context("a run id")?.parse()?;
    ensure!(started["event"]["config"]["worlds"] == "universal", "{started:#}");
    system.completed(run).await?;
    system.evaluated(run).await?;
    system.settle().await?;

    let report = system.executable.json(&["verify", "run", &run.to_string(), "--retrain", "--json"]).await?;
    ensure!(report["verdict"] == "identical", "{report:#}");
    for (check, least) in [("checkpoints", 2), ("last evaluation", 1), ("episodes", 12), ("training", 2)] {
        let found = report["checks"].as_array().into_iter().flatten().find(|found| found["check"] == check);
        ensure!(found.and_then(|found| found["compared"].as_u64()) >= Some(least), "{report:#}");
    }

    // Drain rates and sizes are those of each episode: the archive alone is enough to know what happened.
    let mut script = test_support::python("recompute.py")?;
    script.arg(system.store_path().join("trajectories")).arg(run.to_string());
    let printed = test_support::run_to_end(script, PATIENCE).await?;
    ensure!(printed.lines().all(|line| !line.contains(": 0 steps")), "{printed}");

    let forked = fork_elsewhere(&system, run).await?;
    ensure!(forked["event"]["config"]["worlds"] == "universal", "{forked:#}");
    Ok(())
}

/// A fork trains in the same kind of worlds; another algorithm does not.
async fn fork_elsewhere(system: &System, run: RunId) -> Result<Value> {
    let run = run.to_string();
    let refused = system.executable.run(&["run", "fork", &run, "--set", "algorithm=a3c"]).await?;
    ensure!(refused.code == Some(3) && refused.stderr.contains("/config/worlds"), "{refused:?}");
    system.executable.json(&["run", "fork", &run, "--json", "--set", "env_width=30"]).await
}
