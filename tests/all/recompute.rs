//! The archive without the simulator: a short Python script recomputes every threat value and reward from it.

use crate::harness::{System, small_run, with};
use anyhow::{Result, ensure};
use std::time::Duration;

const TIMESTEPS: u64 = 4096;
/// Enough for robots that leave their stations to run down in an episode of 50 steps, and to charge when they come back.
const DRAIN: f64 = 2.5;
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anyone_can_recompute_threat_and_reward_from_the_archive() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    let mut payload = with(small_run(1, TIMESTEPS), "num_robots", 3);
    payload["config"]["battery_drain_rate"] = DRAIN.into();
    let run = system.start_run(&payload).await?;
    system.completed(run).await?;
    system.evaluated(run).await?;
    system.settle().await?;

    let archive = system.store_path().join("trajectories");
    let mut script = test_support::python("recompute.py")?;
    script.arg(&archive).arg(run.to_string()).arg(DRAIN.to_string());
    let printed = test_support::run_to_end(script, PATIENCE).await?;
    let compared: Vec<u64> =
        printed.lines().filter_map(|line| line.split(": ").nth(1)?.split(' ').next()?.parse().ok()).collect();
    // Whole episodes only: those that training was in the middle of at its end have no row yet.
    let [training, evaluation, _] = compared[..] else { anyhow::bail!("{printed}") };
    ensure!(training > TIMESTEPS / 2 && training <= TIMESTEPS, "{printed}");
    ensure!(evaluation > 0, "{printed}");
    Ok(())
}
