use crate::world::{PATIENCE, World};
use anyhow::Result;
use event_log::{DeadLetter, Definitions, Queue, StreamName};
use serde_json::json;
use std::time::Duration;
use test_support::wait_for;

async fn stored(world: &World) -> Result<DeadLetter> {
    let query = r#"{"last_by_subj":"patrol.dlq.>"}"#;
    let client = world.nats.client().await?;
    let message = client.request("$JS.API.DIRECT.GET.PATROL_DEAD_LETTERS", query.into()).await?;
    Ok(serde_json::from_slice(&message.payload)?)
}

async fn commands_are_gone(world: &World) -> Result<()> {
    wait_for("an empty queue", PATIENCE, async || match world.log.stream_status(StreamName::Commands).await {
        Ok(status) if status.messages == 0 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
}

#[tokio::test]
async fn a_poisonous_message_leaves_its_queue_with_a_reason() -> Result<()> {
    let world = World::start().await?;
    world.nats.client().await?.request("patrol.cmd.run.start", "{broken".into()).await?;
    let queue = world.log.work_queue(Queue::Commands).await?;
    let delivery = queue.pull(1, PATIENCE).await?.remove(0);
    let letter = world.log.dead_letter(&delivery, "not JSON\nat all").await?;
    assert_eq!(stored(&world).await?, letter);
    assert_eq!((letter.stream.as_str(), letter.sequence, letter.attempts), ("PATROL_COMMANDS", 1, 1));
    assert_eq!((letter.subject.as_str(), letter.excerpt.as_str()), ("patrol.cmd.run.start", "{broken"));
    commands_are_gone(&world).await
}

#[tokio::test]
async fn what_was_delivered_too_often_is_set_aside() -> Result<()> {
    let definitions = Definitions::embedded()?
        .with_queue_field(Queue::Commands, "max_deliver", json!(2))
        .with_queue_field(Queue::Commands, "ack_wait", json!(100_000_000))
        .with_queue_field(Queue::ExhaustedDeliveries, "ack_wait", json!(100_000_000));
    let world = World::start_with(definitions).await?;
    world.nats.client().await?.request("patrol.cmd.run.start", "{}".into()).await?;
    let queue = world.log.work_queue(Queue::Commands).await?;
    for attempt in 1..=2 {
        assert_eq!(queue.pull(1, PATIENCE).await?.remove(0).attempts, attempt);
    }
    // The server notices when it would deliver a third time.
    assert_eq!(queue.pull(1, Duration::from_millis(500)).await?.len(), 0);
    let advisories = world.log.work_queue(Queue::ExhaustedDeliveries).await?;
    let exhausted = world.log.exhausted_deliveries(&advisories, PATIENCE).await?;
    assert_eq!(exhausted.len(), 1);
    let letter = &exhausted[0].dead_letter;
    assert_eq!(letter.reason, "ingest-commands gave up after 2 deliveries");
    assert_eq!((letter.sequence, letter.excerpt.as_str()), (1, "{}"));
    // Whoever heard of it died, or could not tell the log: the advisory comes again, and means the same.
    let again = world.log.exhausted_deliveries(&advisories, PATIENCE).await?;
    assert_eq!(&again[0].dead_letter, letter);
    assert_eq!(world.log.stream_status(StreamName::Commands).await?.messages, 1);
    world.log.set_aside(&again[0]).await?;
    assert_eq!(&stored(&world).await?, letter);
    commands_are_gone(&world).await
}
