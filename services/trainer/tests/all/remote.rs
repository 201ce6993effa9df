//! Actors of other processes join a run, and one of them is killed.

use crate::world::{World, completed, players};
use anyhow::{Result, ensure};
use contracts::Event;

const TIMESTEPS: u64 = 120 * 512;

/// Whether an actor of this name played any of the segments after the first `known`.
fn plays(name: &str, known: usize) -> impl Fn(&[Event]) -> Option<usize> {
    move |events| {
        let players = players(events);
        let found = players.iter().skip(known).any(|player| player.starts_with(name));
        found.then_some(players.len())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn remote_actors_join_and_die_and_the_run_is_replayed() -> Result<()> {
    let world = World::start().await?;
    let _trainer = world.trainer()?;
    let run = world.request(3, TIMESTEPS, "nats").await?;
    let (mortal, other) = (world.actor("mortal", run)?, world.actor("other", run)?);
    world.wait("segments of the first actor", run, plays("mortal", 0)).await?;
    world.wait("segments of the second actor", run, plays("other", 0)).await?;
    mortal.kill();
    let known = players(&world.events(run).await?).len();
    world.wait("segments after the death of an actor", run, plays("other", known)).await?;
    let late = world.actor("late", run)?;
    world.completed(run).await?;
    let events = world.events(run).await?;
    ensure!(players(&events).iter().any(|player| player.starts_with("actor-")), "threads played, too");
    for actor in [other, late] {
        actor.ended().await?;
    }
    world.replays(run).await
}

#[tokio::test]
async fn a_run_without_remote_actors_refuses_them() -> Result<()> {
    let world = World::start().await?;
    let run = world.request(4, 512, "threads").await?;
    let error = world.actor("lost", run)?.ended().await.expect_err("refused");
    ensure!(format!("{error:#}").contains("no_remote_actors"), "{error:#}");
    ensure!(!world.events(run).await?.iter().any(|event| completed(event).is_some()));
    Ok(())
}
