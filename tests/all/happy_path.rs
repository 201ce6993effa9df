//! From a command without a header to a trained, evaluated, archived and projected run.

use crate::harness::{System, small_run};
use anyhow::{Context, Result, ensure};
use contracts::events::{CheckpointCreated, Split};
use contracts::{Event, RunId};
use read_models::{Order, Paging};
use serde_json::Value;
use trajectories::store::sha256;

/// At least the templates, `greedy` and `tour`.
const SCRIPTED_AGENTS: usize = 6;
/// 32 updates of 128 steps.
const TIMESTEPS: u64 = 4096;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bare_publish_becomes_a_run_with_everything_that_belongs_to_it() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    let run = system.start_run(&small_run(1, TIMESTEPS)).await?;
    let completed = system.completed(run).await?;
    assert_eq!(completed.timestep, TIMESTEPS);
    system.evaluated(run).await?;
    system.settle().await?;
    system.every_step_is_archived_once(run, TIMESTEPS).await?;
    assert!(!system.archived_steps(run, Split::Eval).await?.is_empty());
    checkpoints_are_stored(&system, run, completed.digest.as_deref()).await?;
    read_models_show(&system, run).await?;
    system.replay_is_identical().await?;
    command_line_shows(&system, run).await
}

async fn checkpoints_are_stored(system: &System, run: RunId, last_digest: Option<&str>) -> Result<()> {
    let events = system.events(run).await?;
    let checkpoints: Vec<&CheckpointCreated> = events
        .iter()
        .filter_map(|event| match event {
            Event::CheckpointCreated(created) => Some(&**created),
            _ => None,
        })
        .collect();
    assert_eq!(checkpoints.len(), 16, "every other update");
    for checkpoint in &checkpoints {
        let policy = system.store.get(&checkpoint.policy.uri).await?;
        let resume = system.store.get(&checkpoint.resume.uri).await?;
        assert_eq!(
            (sha256(&policy), sha256(&resume)),
            (checkpoint.policy.sha256.clone(), checkpoint.resume.sha256.clone())
        );
        assert_eq!(sha256(&[policy, resume].concat()), checkpoint.digest);
    }
    let last = checkpoints.last().context("a checkpoint")?;
    assert!(last.is_last);
    assert_eq!(Some(last.digest.as_str()), last_digest);
    Ok(())
}

async fn read_models_show(system: &System, run: RunId) -> Result<()> {
    let models = &system.models;
    let row = models.run(run).await?.context("a row of the run")?;
    assert_eq!((row.status.as_str(), row.timestep), ("completed", TIMESTEPS as i64));
    assert_eq!(models.checkpoints(run, Paging::new(1, 100)).await?.total, 16);
    ensure!(models.baselines_of_run(run).await?.len() >= SCRIPTED_AGENTS);
    let evaluations = models.evaluations(run, Paging::new(1, 100)).await?.items;
    ensure!(evaluations.iter().any(|evaluation| evaluation.timestep == Some(row.timestep)), "{evaluations:?}");
    let episodes = models.episodes(run, Order::OldestFirst, Paging::new(1, 10)).await?;
    assert_eq!(episodes.total, u64::try_from(row.episodes_completed)?);
    // Four environments in episodes of 50 steps; three of the first ones are shorter, so that ends spread over time.
    assert_eq!(episodes.total, 4 * (TIMESTEPS / 4 / 50) + 1);
    Ok(())
}

async fn command_line_shows(system: &System, run: RunId) -> Result<()> {
    let status = system.executable.json(&["status", "--json"]).await?;
    assert_eq!(status["projection_lag"], 0);
    assert_eq!(status["runs"][0]["run_id"], run.to_string());
    assert_eq!(status["runs"][0]["status"], "completed");
    let last = system.log.last_sequence().await?;
    let streams = status["streams"].as_array().context("streams")?;
    ensure!(streams.iter().any(|it| it["stream"] == "PATROL_EVENTS" && it["messages"] == last), "{streams:?}");

    let printed = system.executable.run(&["events", "--json"]).await?;
    let lines = printed.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let sequences: Vec<u64> = lines.iter().filter_map(|line| line["sequence"].as_u64()).collect();
    assert_eq!(sequences, (1..=last).collect::<Vec<u64>>());
    // Everything that happened to the run goes back to its command.
    let command = lines[0]["causation_id"].clone();
    ensure!(command.is_string() && lines[0]["type"] == "patrol.run.requested.v1", "{}", lines[0]);
    let of_run = lines.iter().filter(|line| line["subject"] == run.to_string() && line["source"] == "/patrol/trainer");
    for line in of_run {
        assert_eq!(line["correlation_id"], command, "{line}");
    }
    Ok(())
}
