//! nats-server and Postgres die or restart in the middle of a run.

use super::nothing_was_lost;
use crate::harness::{System, small_run};
use anyhow::{Result, ensure};

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

    nothing_was_lost(&system, run, TIMESTEPS, &undisturbed, &mut services).await
}
