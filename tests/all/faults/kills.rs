//! SIGKILL in the middle of a run.

use crate::harness::{System, small_run};
use anyhow::{Context, Result, ensure};
use contracts::Event;

const TIMESTEPS: u64 = 25_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_survives_the_death_of_trainer_ingest_and_projector() -> Result<()> {
    let system = System::start().await?;
    let (ingest, trainer) = (system.service("ingest")?, system.service("trainer")?);
    let (projector, _evaluator) = (system.service("projector")?, system.service("evaluator")?);
    let undisturbed = system.digest_of(&small_run(1, TIMESTEPS)).await?;

    let run = system.start_run(&small_run(2, TIMESTEPS)).await?;
    system.checkpoint_after(run, 1280).await?;
    let dead = [ingest, trainer, projector];
    for process in dead {
        process.kill().await?;
    }
    let cut_off = system.events(run).await?;
    ensure!(!cut_off.iter().any(|event| matches!(event, Event::RunCompleted(_))), "killed too late");
    let _born = [system.service("projector")?, system.service("ingest")?, system.service("trainer")?];

    let completed = system.completed(run).await?;
    assert_eq!(completed.digest.as_deref().context("a digest")?, undisturbed);
    let events = system.events(run).await?;
    let starts = events.iter().filter(|event| matches!(event, Event::RunStarted(_))).count();
    assert_eq!(starts, 2, "the dead trainer's run was taken over once");
    system.evaluated(run).await?;
    system.settle().await?;
    system.every_step_is_archived_once(run, TIMESTEPS).await?;
    system.replay_is_identical().await?;
    Ok(())
}
