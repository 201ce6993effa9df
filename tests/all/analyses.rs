//! What others make of a run without our code: Python on the archive, and notebooks on both.

use crate::harness::{System, small_run, with};
use anyhow::{Result, ensure};
use contracts::events::{Split, Table};
use contracts::{Event, RunId};
use std::time::Duration;
use trajectories::read;

const TIMESTEPS: u64 = 4096;
/// Two updates, enough for whole episodes.
const SHORT: u64 = 1024;
/// Enough for robots that leave their stations to run down in an episode of 50 steps, and to charge when they come back.
const DRAIN: f64 = 2.5;
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_archive_is_enough_to_recompute_threat_and_reward_and_notebooks_read_it() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    let mut payload = with(small_run(1, TIMESTEPS), "num_robots", 3);
    payload["config"]["battery_drain_rate"] = DRAIN.into();
    let run = system.start_run(&payload).await?;
    system.completed(run).await?;
    system.evaluated(run).await?;
    system.settle().await?;

    recomputed(&system, run, TIMESTEPS).await?;
    evaluations_are_archived_in_full(&system, run).await?;
    let mut notebooks = test_support::python("run_notebooks.py")?;
    notebooks.envs(system.executable.variables()).env("PATROL_STORE", system.store_path());
    let printed = test_support::run_to_end(notebooks, PATIENCE).await?;
    for expected in ["01_learning_curve.ipynb: 5 cells, 2 drawings", "02_archive.ipynb", "03_replay.ipynb"] {
        ensure!(printed.contains(expected), "{printed}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_archive_says_what_else_a_reward_depends_on() -> Result<()> {
    let (system, _services) = System::with_services().await?;
    let mut payload = with(small_run(1, SHORT), "num_robots", 2);
    payload["environment_type"] = "enhanced".into();
    for (name, weight) in [("coverage_weight", 0.5), ("exploration_weight", 0.25), ("diversity_weight", 3.0)] {
        payload[name] = weight.into();
    }
    let Some(config) = payload["config"].as_object_mut() else { anyhow::bail!("{payload:#}") };
    config.extend([
        ("patrol_reward".to_owned(), "threat".into()),
        ("patrol_mode".to_owned(), "every_step".into()),
        ("patrol_radius".to_owned(), "dynamic".into()),
        ("strategic_init_mode".to_owned(), true.into()),
        ("threat_penalty_weight".to_owned(), 2.0.into()),
        ("object_weight".to_owned(), 2.0.into()),
    ]);
    let run = system.start_run(&payload).await?;
    system.completed(run).await?;
    system.evaluated(run).await?;
    system.settle().await?;
    recomputed(&system, run, SHORT).await
}

/// What the policy estimated stands in the files of its evaluations as in those of training.
async fn evaluations_are_archived_in_full(system: &System, run: RunId) -> Result<()> {
    let mut rows = 0;
    for event in system.events(run).await? {
        let Event::FileWritten(file) = event else { continue };
        if (file.split, file.table) == (Split::Eval, Table::Steps) {
            let steps = read::all(&system.store, Table::Steps, &file.blob.uri).await?;
            let nulls = |name| steps.column_by_name(name).map(|column| column.to_data().null_count());
            for name in ["log_prob", "value", "policy_version"] {
                ensure!(nulls(name) == Some(0), "{name} of {file:?}: {:?} nulls", nulls(name));
            }
            rows += steps.num_rows();
        }
    }
    ensure!(rows > 0, "no evaluation is archived");
    Ok(())
}

/// Recomputes every whole episode of a run from its archive: those that training was in the middle of at its end have no
/// row yet.
async fn recomputed(system: &System, run: RunId, timesteps: u64) -> Result<()> {
    let mut script = test_support::python("recompute.py")?;
    script.arg(system.store_path().join("trajectories")).arg(run.to_string());
    let printed = test_support::run_to_end(script, PATIENCE).await?;
    let compared: Vec<u64> =
        printed.lines().filter_map(|line| line.split(": ").nth(1)?.split(' ').next()?.parse().ok()).collect();
    let [training, evaluation, _] = compared[..] else { anyhow::bail!("{printed}") };
    ensure!(training > timesteps / 2 && training <= timesteps, "{printed}");
    ensure!(evaluation > 0, "{printed}");
    Ok(())
}
