//! New runs from checkpoints of others.

use crate::harness::{System, small_run, with};
use anyhow::{Context, Result, ensure};
use contracts::events::RunRequested;
use contracts::{Event, RunId, subjects};

const TIMESTEPS: u64 = 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_starts_from_a_checkpoint_with_changed_settings() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    let parent = system.start_run(&with(small_run(1, TIMESTEPS), "learning_rate", 0.002)).await?;
    system.completed(parent).await?;
    system.evaluated(parent).await?;
    let number = system.log.last_event(&subjects::event("run", Some(parent), "requested")).await?;
    let number = number.context("the request")?.sequence.to_string();

    let child = fork(&system, &number, &["--best", "--steps", "512", "--set", "config.gamma=0.9"]).await?;
    let request = requested(&system, child).await?;
    ensure!(request.parent_run_id == Some(parent), "{request:?}");
    let source = request.init_from.context("weights")?.parse()?;
    ensure!(system.log.checkpoint(source).await?.is_some_and(|created| created.run_id == parent));
    let learning = &request.config.learning;
    assert_eq!((learning.total_timesteps, learning.gamma, learning.learning_rate), (512, 0.9, 0.002));
    ensure!(request.config.seed != 7, "a new seed");
    assert_eq!(system.completed(child).await?.timestep, 512);

    let unknown = system.executable.run(&["run", "fork", &number, "--checkpoint", &child.to_string()]).await?;
    ensure!(unknown.code == Some(3) && unknown.stderr.contains("init_from"), "{unknown:?}");
    system.settle().await?;
    system.replay_is_identical().await.map(drop)
}

/// From its second checkpoint on, the parent's bits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_that_resumes_goes_on_as_its_parent_did() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    let parent = system.start_run(&small_run(1, TIMESTEPS)).await?;
    let end = system.completed(parent).await?.digest.context("a digest")?;
    let checkpoint = system.checkpoint_after(parent, 1).await?;
    let from = checkpoint.checkpoint_id.to_string();
    let parent = parent.to_string();
    let child = fork(&system, &parent, &["--resume", "--checkpoint", &from]).await?;
    let completed = system.completed(child).await?;
    assert_eq!((completed.timestep, completed.digest.as_deref()), (TIMESTEPS, Some(end.as_str())));
    let longer = fork(&system, &parent, &["--resume", "--checkpoint", &from, "--steps", "2048"]).await?;
    let completed = system.completed(longer).await?;
    ensure!(completed.timestep == 2048 && completed.digest != Some(end), "{completed:?}");
    let report = system.executable.json(&["replay", "training", &longer.to_string(), "--json"]).await?;
    assert_eq!(report["identical"], true, "{report}");
    let arguments = ["run", "fork", &parent, "--resume", "--set", "num_envs=8"];
    let refused = system.executable.run(&arguments).await?;
    ensure!(refused.code == Some(3) && refused.stderr.contains("num_envs"), "{refused:?}");
    Ok(())
}

async fn fork(system: &System, parent: &str, arguments: &[&str]) -> Result<RunId> {
    let arguments: Vec<&str> = ["run", "fork", parent, "--json"].into_iter().chain(arguments.iter().copied()).collect();
    let started = system.executable.json(&arguments).await?;
    Ok(started["run_id"].as_str().context("a run id")?.parse()?)
}

async fn requested(system: &System, run: RunId) -> Result<RunRequested> {
    let events = system.events(run).await?;
    let request = events.into_iter().find_map(|event| match event {
        Event::RunRequested(requested) => Some(*requested),
        _ => None,
    });
    request.context("a request")
}
