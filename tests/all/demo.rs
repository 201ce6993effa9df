//! The demo, as `make demo ARGS='--json'` runs it.

use crate::harness::{Executable, PATIENCE};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use test_support::{TestDirectory, TestS3, wait_for};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_prints_one_object_about_everything_it_did() -> Result<()> {
    let directory = TestDirectory::new("demo")?;
    let executable = Executable::local(directory.path())?;
    let summary = executable.json(&["demo", "--steps", "3000", "--size", "8", "--seed", "3", "--json"]).await?;
    assert_eq!(summary["training"]["steps"], 3000);
    for place in ["/training/seconds", "/training/steps_per_second", "/archive/rows", "/archive/bytes", "/events"] {
        let number = summary.pointer(place).and_then(|value| value.as_f64()).context(place)?;
        ensure!(number > 0.0, "{place} is {number}");
    }
    let agents = summary["agents"].as_object().context("agents")?;
    let names: BTreeSet<&str> = agents.keys().map(String::as_str).collect();
    let known = BTreeSet::from(["greedy", "horizontal_scan", "random_walk", "spiral", "tour", "vertical_scan"]);
    ensure!(names.is_superset(&known), "{names:?}");
    let policies = ["sampled", "argmax"].map(|name| &summary["policy"][name]);
    for score in agents.values().chain(policies) {
        let mean = score["mean_threat"].as_f64().context("mean_threat")?;
        let low = score["ci95"][0].as_f64().context("ci95")?;
        let high = score["ci95"][1].as_f64().context("ci95")?;
        ensure!(0.0 < low && low <= mean && mean <= high && high <= 1.0, "{score}");
        ensure!(score["episodes"].as_u64() >= Some(20), "{score}");
    }
    let checkpoints = summary["checkpoints"].as_array().context("checkpoints")?;
    ensure!(checkpoints.iter().all(|it| it["digest"].as_str().is_some_and(|digest| digest.len() == 64)), "{summary:#}");
    ensure!(!checkpoints.is_empty() && summary["replay"]["identical"] == true, "{summary:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_a_run_leaves_can_lie_in_s3() -> Result<()> {
    let (directory, s3) = (TestDirectory::new("demo-s3")?, TestS3::start().await?);
    let url = format!("s3://{}/runs", TestS3::BUCKET);
    let mut executable = Executable::local(directory.path())?.and("PATROL_STORE_URL", url);
    for (name, value) in s3.variables() {
        executable = executable.and(name, value);
    }
    let summary = executable.json(&["demo", "--steps", "3000", "--size", "8", "--seed", "3", "--json"]).await?;
    ensure!(summary["archive"]["files"].as_u64() > Some(0), "{summary:#}");
    ensure!(!directory.path().join("store").exists(), "files beside the bucket");

    let _system = executable.start(&["up"], &directory.path().join("up.log"))?;
    let run = summary["run_id"].as_str().context("a run")?;
    wait_for("what the run left, read again", PATIENCE, async || {
        let report = executable.json(&["verify", "run", run, "--json"]).await.map_err(|error| error.to_string())?;
        if report["verdict"] == "identical" { Ok(()) } else { Err(format!("{report:#}")) }
    })
    .await
}
