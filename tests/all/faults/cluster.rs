//! Servers of a cluster die or freeze in the middle of a run, those that lead first.

use super::nothing_was_lost;
use crate::harness::{System, small_run};
use anyhow::{Result, ensure};
use event_log::StreamName;

const TIMESTEPS: u64 = 25_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_survives_the_deaths_of_the_servers_that_lead() -> Result<()> {
    let system = System::on_cluster().await?;
    let mut services = system.services()?;
    let undisturbed = system.digest_of(&small_run(1, TIMESTEPS)).await?;

    let run = system.start_run(&small_run(2, TIMESTEPS)).await?;
    let mut timestep = 0;
    for stream in [StreamName::Events, StreamName::Trajectories, StreamName::Events] {
        system.checkpoint_after(run, timestep + 1280).await?;
        let (leader, _) = system.nats.leader_of(stream.as_str()).await?;
        leader.kill();
        let crashed = system.checkpoint_after(run, timestep + 5120).await?;
        ensure!(!crashed.is_last, "killed too late");
        timestep = crashed.timestep;
    }
    nothing_was_lost(&system, run, TIMESTEPS, &undisturbed, &mut services).await
}

/// Whoever is connected to a frozen server is neither answered nor told that the connection is lost, and the server believes to lead still
/// when it wakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_survives_that_the_servers_that_lead_freeze_and_wake() -> Result<()> {
    let system = System::on_cluster().await?;
    let mut services = system.services()?;
    let undisturbed = system.digest_of(&small_run(1, TIMESTEPS)).await?;

    let run = system.start_run(&small_run(2, TIMESTEPS)).await?;
    let mut timestep = 0;
    for stream in [StreamName::Events, StreamName::Trajectories] {
        system.checkpoint_after(run, timestep + 1280).await?;
        let (leader, _) = system.nats.leader_of(stream.as_str()).await?;
        leader.freeze();
        let frozen = system.checkpoint_after(run, timestep + 5120).await;
        leader.thaw();
        let frozen = frozen?;
        ensure!(!frozen.is_last, "frozen too late");
        timestep = frozen.timestep;
    }
    nothing_was_lost(&system, run, TIMESTEPS, &undisturbed, &mut services).await
}
