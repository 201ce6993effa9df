//! The order of consumption in the log, across the death of trainers.

use crate::world::{World, checkpoint, completed, consumed, players};
use anyhow::{Result, ensure};
use contracts::Event;
use std::collections::BTreeSet;

const TIMESTEPS: u64 = 24 * 512;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlapped_run_is_replayed_from_its_log() -> Result<()> {
    let world = World::start().await?;
    let _trainer = world.trainer()?;
    let run = world.request(1, TIMESTEPS, "threads").await?;
    let end = world.completed(run).await?;
    ensure!(end.timestep == TIMESTEPS, "{end:?}");
    let events = world.events(run).await?;
    let updates: Vec<u64> = events.iter().filter_map(consumed).map(|order| order.update).collect();
    ensure!(updates.iter().copied().eq(1..=24), "{updates:?}");
    ensure!(players(&events).iter().collect::<BTreeSet<_>>().len() == 2, "both actors played");
    world.replays(run).await
}

/// The heir repeats what the log holds after the last checkpoint, so that nothing of it is lost or different.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trainer_that_dies_leaves_its_order_to_the_next() -> Result<()> {
    let world = World::start().await?;
    let first = world.trainer()?;
    let run = world.request(2, TIMESTEPS, "threads").await?;
    let beyond = |events: &[Event]| {
        let checkpoint = events.iter().filter_map(checkpoint).map(|created| created.update).max()?;
        let last = events.iter().filter_map(consumed).map(|order| order.update).max()?;
        (last > checkpoint).then_some(last)
    };
    world.wait("updates after a checkpoint", run, beyond).await?;
    first.kill();
    let before = world.events(run).await?;
    ensure!(!before.iter().any(|event| completed(event).is_some()), "killed too late");
    let _heir = world.trainer()?;
    world.completed(run).await?;
    let events = world.events(run).await?;
    let updates: Vec<u64> = events.iter().filter_map(consumed).map(|order| order.update).collect();
    ensure!(updates.iter().copied().eq(1..=24), "{updates:?}");
    let starts = events.iter().filter(|event| matches!(event, Event::RunStarted(_))).count();
    ensure!(starts == 2, "{starts} starts");
    world.replays(run).await
}
