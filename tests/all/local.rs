//! The whole system in one process: a second instance, Ctrl-C, and going on afterwards.

use crate::harness::{Executable, PATIENCE, Process, SMALL};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;
use test_support::{TestDirectory, wait_for};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_is_refused_and_an_interrupted_run_goes_on_later() -> Result<()> {
    let directory = TestDirectory::new("local")?;
    let executable = Executable::local(&directory.path().join("data"))?;
    let up = up(&executable, &directory.path().join("first.log")).await?;
    let second = executable.run(&["up"]).await?;
    ensure!(second.code == Some(1) && second.stderr.contains("is in use"), "{second:?}");

    // The first has to be unharmed: it trains.
    let more = ["--set", "config.checkpoint_every_updates=2", "--steps", "40000"];
    let arguments: Vec<&str> = ["run", "start"].into_iter().chain(SMALL).chain(more).collect();
    let started = executable.json(&arguments).await?;
    let run = started["run_id"].as_str().context("a run id")?;
    training(&executable, run).await?;
    let servers = up.children()?;
    ensure!(servers.len() >= 2, "nats-server and Postgres are children: {servers:?}");
    assert_eq!(up.interrupt().await?, Some(0));
    for pid in servers {
        ensure!(!Path::new("/proc").join(&pid).exists(), "process {pid} is left over");
    }
    let nobody = executable.run(&["status"]).await?;
    ensure!(nobody.code == Some(1) && nobody.stderr.contains("no system runs on"), "{nobody:?}");

    let up = self::up(&executable, &directory.path().join("second.log")).await?;
    let completed = wait_for("the end of the run", PATIENCE, async || match state(&executable, run).await {
        Ok(state) if state["status"] == "completed" => Ok(state),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(completed.await?["timestep"], 40_000);
    executable.json(&["replay", "project", "--check", "--json"]).await?;
    assert_eq!(up.interrupt().await?, Some(0));
    Ok(())
}

/// Starts everything and waits until it answers.
#[tokio::test]
async fn what_others_can_reach_is_not_started_without_a_token() -> Result<()> {
    let directory = TestDirectory::new("refused")?;
    for command in ["gateway", "up"] {
        let executable = Executable::with_variables(vec![
            ("PATROL_DATA_DIR", directory.path().display().to_string()),
            ("PATROL_STORE_URL", format!("file://{}", directory.path().display())),
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none".to_owned()),
            ("NATS_URL", "nats://127.0.0.1:1".to_owned()),
            ("GATEWAY_BIND", "0.0.0.0:0".to_owned()),
        ])?;
        let finished = executable.run(&[command]).await?;
        assert!(finished.code.is_some_and(|code| code != 0), "{command}: {finished:?}");
        let line = "GATEWAY_BIND: 0.0.0.0:0 can be reached by others: set GATEWAY_TOKEN";
        assert!(finished.stderr.contains(line), "{command}: {finished:?}");
    }
    Ok(())
}

async fn up(executable: &Executable, log: &Path) -> Result<Process> {
    let mut up = executable.start(&["up"], log)?;
    let answers = wait_for("an answer", PATIENCE, async || executable.json(&["status", "--json"]).await).await;
    ensure!(up.is_running()?, "{}", up.output());
    answers.map(|_| up)
}

/// Waits until the run has begun; it must not have ended.
async fn training(executable: &Executable, run: &str) -> Result<()> {
    let state = wait_for("progress", PATIENCE, async || match state(executable, run).await {
        Ok(state) if state["timestep"].as_u64() > Some(0) => Ok(state),
        other => Err(format!("{other:?}")),
    });
    let state = state.await?;
    ensure!(state["status"] == "running", "{state}");
    Ok(())
}

async fn state(executable: &Executable, run: &str) -> Result<Value> {
    let runs = executable.json(&["run", "list", "--json"]).await?;
    let found = runs.as_array().and_then(|runs| runs.iter().find(|it| it["run_id"] == run));
    found.cloned().with_context(|| format!("{runs}"))
}
