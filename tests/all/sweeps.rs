//! Many small runs that differ in a setting: ranked, interrupted and gone on with.

use crate::harness::{PATIENCE, SMALL, System, flip};
use anyhow::{Context, Result, ensure};
use contracts::{Event, RunId, subjects};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use test_support::wait_for;

/// What makes a trial small, beside [`SMALL`].
const TRIAL: [&str; 7] = [
    "--set",
    "config.max_steps=50",
    "--set",
    "config.evaluation_episodes=2",
    "--set",
    "config.recording=none",
    "--steps",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grid_is_trained_once_and_ranked() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    system.ready().await?;
    let grid = ["--param", "learning_rate=0.001,0.003", "--seeds", "2"];
    let report = sweep(&system, "rates", "512", &grid).await?;
    let trials = trials(&report)?;
    assert_eq!(trials.len(), 2);
    let threats: Vec<f64> = trials.iter().filter_map(|trial| trial["mean_threat"].as_f64()).collect();
    ensure!(threats.len() == 2 && threats[0] <= threats[1], "{report:#}");
    let runs: BTreeSet<&str> = trials.iter().flat_map(runs).collect();
    assert_eq!(runs.len(), 4, "two seeds of two settings");
    parents_are_recorded(&system, &runs).await?;

    let again = sweep(&system, "rates", "512", &grid).await?;
    assert_eq!(again, report, "nothing is trained again");
    let requests = system.log.load("patrol.evt.run.*.requested").await?;
    assert_eq!(requests.len(), 4);

    let other = arguments("rates", "256", &grid);
    let other = system.executable.run(&other).await?;
    ensure!(other.code == Some(1) && other.stderr.contains("choose another name"), "{other:?}");
    let seeds = system.executable.run(&arguments("seeds", "512", &["--param", "config.seed=5,6"])).await?;
    ensure!(seeds.code == Some(1) && seeds.stderr.contains("--seeds"), "{seeds:?}");
    let wrong = system.executable.run(&arguments("wrong", "512", &["--param", "config.gamma=2"])).await?;
    ensure!(wrong.code == Some(3) && wrong.stderr.contains("gamma"), "{wrong:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halving_trains_the_best_for_longer() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    system.ready().await?;
    let search = ["--search", "halving", "--trials", "4", "--eta", "2", "--param", "learning_rate=log:1e-4..1e-2"];
    let report = sweep(&system, "race", "1024", &search).await?;
    let trials = trials(&report)?;
    let reached: Vec<(u64, u64)> = trials.iter().map(|it| (number(&it["rung"]), number(&it["steps"]))).collect();
    assert_eq!(reached, [(3, 1024), (2, 512), (1, 256), (1, 256)]);
    let winner: Vec<&str> = runs(&trials[0]).collect();
    ensure!(winner.len() == 3, "{report:#}");
    for (parent, child) in winner.iter().zip(&winner[1..]) {
        let recorded = parent_of(&system, child).await?;
        assert_eq!(recorded.as_deref(), Some(*parent), "each rung's run comes from that of the one before");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_sweep_goes_on_later() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    system.ready().await?;
    let grid = ["--parallel", "1", "--param", "learning_rate=0.001,0.002,0.003"];
    let log = system.store_path().with_file_name("sweep.log");
    let interrupted = system.executable.start(&arguments("later", "20000", &grid), &log)?;
    let requests = async || system.log.load("patrol.evt.run.*.requested").await.map(|requests| requests.len());
    wait_for("the first run", PATIENCE, async || match requests().await {
        Ok(1..) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    assert_eq!(interrupted.interrupt().await?, Some(130));
    ensure!(requests().await? < 3, "interrupted too late");
    let report = sweep(&system, "later", "20000", &grid).await?;
    ensure!(trials(&report)?.iter().all(|trial| trial["rank"].is_u64()), "{report:#}");
    assert_eq!(requests().await?, 3);
    Ok(())
}

/// Its state cannot be read, it is mended, and another run goes on from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_whose_run_failed_counts_when_another_went_on_from_it() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    system.ready().await?;
    let settings = ["--param", "learning_rate=0.001", "--set", "config.checkpoint_every_updates=20"];
    let arguments = arguments("mended", "100000", &settings);
    let (swept, (run, state)) = tokio::try_join!(system.executable.run(&arguments), unreadable(&system))?;
    ensure!(swept.code == Some(1), "{swept:?}");
    let report: Value = serde_json::from_str(&swept.stdout)?;
    let failure = &report["trials"][0]["runs"][0]["failure"];
    ensure!(failure.as_str().is_some_and(|failure| failure.contains("recorded SHA-256")), "{report:#}");

    flip(&state)?;
    let heir = system.executable.json(&["run", "fork", &run.to_string(), "--resume", "--json"]).await?;
    let report = system.executable.json(&arguments).await?;
    let trial = &report["trials"][0];
    assert_eq!((&trial["rank"], &trial["runs"][0]["run_id"]), (&1.into(), &heir["run_id"]), "{report:#}");
    Ok(())
}

/// Pauses the first run, changes a bit of the state that it would go on from, and has it resumed.
async fn unreadable(system: &System) -> Result<(RunId, PathBuf)> {
    let created = "patrol.evt.training.*.checkpoint_created".to_owned();
    let run = system.wait_for_event(created, |_, event| match event {
        Event::CheckpointCreated(created) => Some(created.run_id),
        _ => None,
    });
    let run = run.await?;
    let named = json!({"run_id": run});
    system.publish("patrol.cmd.run.pause", &named).await?;
    let paused = system.wait_for_event(subjects::event("run", Some(run), "paused"), |_, event| match event {
        Event::RunPaused(paused) => paused.checkpoint.clone(),
        _ => None,
    });
    let last = system.log.checkpoint(paused.await?.checkpoint_id).await?.context("the checkpoint")?;
    let state = system.store_path().join(last.resume.uri);
    flip(&state)?;
    system.publish("patrol.cmd.run.resume", &named).await?;
    Ok((run, state))
}

fn arguments<'a>(name: &'a str, steps: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    ["sweep", name].into_iter().chain(SMALL).chain(TRIAL).chain([steps]).chain(more.iter().copied()).collect()
}

async fn sweep(system: &System, name: &str, steps: &str, more: &[&str]) -> Result<Value> {
    system.executable.json(&arguments(name, steps, more)).await
}

fn trials(report: &Value) -> Result<&Vec<Value>> {
    report["trials"].as_array().with_context(|| format!("{report:#}"))
}

fn runs(trial: &Value) -> impl Iterator<Item = &str> {
    trial["runs"].as_array().into_iter().flatten().filter_map(|run| run["run_id"].as_str())
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

async fn parents_are_recorded(system: &System, runs: &BTreeSet<&str>) -> Result<()> {
    let mut parents = BTreeSet::new();
    for run in runs {
        parents.insert(parent_of(system, run).await?);
    }
    // The first has none, and is that of the others.
    ensure!(parents.len() == 2 && parents.contains(&None), "{parents:?}");
    Ok(())
}

async fn parent_of(system: &System, run: &str) -> Result<Option<String>> {
    let events = system.events(run.parse()?).await?;
    let request = events.into_iter().find_map(|event| match event {
        Event::RunRequested(requested) => Some(requested.parent_run_id.map(|parent| parent.to_string())),
        _ => None,
    });
    request.context("a request")
}
