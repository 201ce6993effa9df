//! Processes and servers that die in the middle of a run.

mod cluster;
mod kills;
mod pause;
mod servers;

use crate::harness::{Process, System};
use anyhow::{Context, Result, ensure};
use contracts::RunId;

/// The run ends as an undisturbed one did, everything of it is there once, and every service goes on.
async fn nothing_was_lost<N>(
    system: &System<N>,
    run: RunId,
    timesteps: u64,
    undisturbed: &str,
    services: &mut [Process],
) -> Result<()> {
    let completed = system.completed(run).await?;
    assert_eq!(completed.digest.as_deref().context("a digest")?, undisturbed);
    system.evaluated(run).await?;
    system.settle().await?;
    system.every_step_is_archived_once(run, timesteps).await?;
    system.replay_is_identical().await?;
    for service in services {
        ensure!(service.is_running()?, "a service gave up: {}", service.output());
    }
    Ok(())
}
