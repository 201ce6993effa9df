use crate::world::{PATIENCE, World, connect, run};
use anyhow::Result;
use futures::StreamExt;
use tokio::time::timeout;

#[tokio::test]
async fn frames_of_a_run_reach_its_subscribers_and_are_not_stored() -> Result<()> {
    let world = World::start().await?;
    let trainer = connect(&world.nats, "trainer").await?;
    let mut frames = world.log.subscribe_live(run(1)).await?;
    trainer.publish_live(run(2), "another run".into()).await?;
    trainer.publish_live(run(1), "one".into()).await?;
    trainer.publish_live(run(1), "two".into()).await?;
    assert_eq!(timeout(PATIENCE, frames.next()).await?.as_deref(), Some(&b"one"[..]));
    assert_eq!(timeout(PATIENCE, frames.next()).await?.as_deref(), Some(&b"two"[..]));
    assert_eq!(world.log.last_sequence().await?, 0);
    Ok(())
}
