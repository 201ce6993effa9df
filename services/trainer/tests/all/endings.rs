//! Trainers that die when everything is done but to say so.

use crate::world::World;
use anyhow::{Result, ensure};
use contracts::events::{CheckpointCreated, Outcome};
use contracts::{CheckpointId, Event};
use serde_json::json;

const TIMESTEPS: u64 = 4096;

/// What its last checkpoint holds is not needed any more, and not read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_trained_to_its_end_is_completed_by_the_next_trainer() -> Result<()> {
    let world = World::start().await?;
    let run = world.request_of(1, json!({"total_timesteps": TIMESTEPS})).await?;
    let sample = include_str!("../../../../schemas/samples/patrol.training.checkpoint_created.v1.json");
    let Event::CheckpointCreated(sample) = Event::decode("patrol.training.checkpoint_created.v1", sample.as_bytes())?
    else {
        anyhow::bail!("a frozen sample")
    };
    let (checkpoint_id, timestep) = (CheckpointId::of(run, 8), TIMESTEPS);
    let last = CheckpointCreated { run_id: run, checkpoint_id, update: 8, timestep, is_last: true, ..*sample };
    world.append(&Event::CheckpointCreated(Box::new(last.clone()))).await?;
    let _trainer = world.trainer()?;
    let completed = world.completed(run).await?;
    assert_eq!((completed.outcome, completed.timestep), (Outcome::Finished, TIMESTEPS));
    assert_eq!((completed.digest, completed.episodes_completed), (Some(last.digest), last.episodes_completed));
    ensure!(completed.checkpoint.is_some_and(|end| end.checkpoint_id == checkpoint_id && end.update == 8));
    Ok(())
}
