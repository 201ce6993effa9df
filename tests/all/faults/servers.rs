//! nats-server and Postgres die or restart in the middle of a run.

use crate::harness::{System, small_run};
use anyhow::{Context, Result, ensure};

const TIMESTEPS: u64 = 25_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_survives_restarts_of_nats_and_of_postgres() -> Result<()> {
    let (system, mut services) = System::with_services().await?;
    let undisturbed = system.digest_of(&small_run(1, TIMESTEPS)).await?;

    let run = system.start_run(&small_run(2, TIMESTEPS)).await?;
    system.checkpoint_after(run, 1280).await?;
    system.postgres.kill();
    system.nats.kill();
    let crashed = system.checkpoint_after(run, 5120).await?;
    system.nats.restart().await?;
    system.postgres.restart().await?;
    ensure!(!crashed.is_last, "restarted too late");

    let completed = system.completed(run).await?;
    assert_eq!(completed.digest.as_deref().context("a digest")?, undisturbed);
    system.evaluated(run).await?;
    system.settle().await?;
    system.every_step_is_archived_once(run, TIMESTEPS).await?;
    system.replay_is_identical().await?;
    for service in &mut services {
        ensure!(service.is_running()?, "a service gave up: {}", service.output());
    }
    Ok(())
}
