use crate::world::{PATIENCE, World, connect, event, run};
use anyhow::{Context, Result};
use event_log::{Definitions, Delivery, Error, ExpectedVersion::Any, Queue, WorkQueue};
use serde_json::json;
use std::time::Duration;
use test_support::wait_for;

const ACK_WAIT: Duration = Duration::from_millis(300);

/// Redelivers soon.
async fn impatient() -> Result<World> {
    let nanos = json!(ACK_WAIT.as_nanos() as u64);
    World::start_with(Definitions::embedded()?.with_queue_field(Queue::Runs, "ack_wait", nanos)).await
}

async fn one(queue: &WorkQueue) -> Result<Delivery> {
    queue.pull(1, PATIENCE).await?.pop().context("a delivery")
}

async fn in_progress(world: &World) -> Result<u64> {
    Ok(world.log.consumer_status(Queue::Runs).await?.in_progress)
}

#[tokio::test]
async fn each_message_goes_to_one_of_the_competing_workers() -> Result<()> {
    let world = World::start().await?;
    let other = connect(&world.nats, "other").await?;
    let queues = [world.log.work_queue(Queue::Runs).await?, other.work_queue(Queue::Runs).await?];
    for number in 1..=10 {
        world.log.append(&event("run", run(number), "requested", number), &Any).await?;
        // Not for this queue.
        world.log.append(&event("run", run(number), "started", 100 + number), &Any).await?;
    }
    let mut seen = Vec::new();
    for turn in 0..10 {
        let delivery = one(&queues[turn % 2]).await?;
        assert_eq!((delivery.attempts, delivery.header("ce-type")), (1, Some("patrol.run.requested.v1")));
        seen.push(delivery.recorded_event()?.envelope.id.as_u128());
        delivery.receipt.ack().await?;
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
    assert_eq!(queues[0].pull(1, Duration::ZERO).await?.len(), 0);
    wait_for("all settled", PATIENCE, async || match in_progress(&world).await {
        Ok(0) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
}

#[tokio::test]
async fn an_unsettled_message_is_delivered_again_and_a_heartbeat_prevents_it() -> Result<()> {
    let world = impatient().await?;
    world.log.append(&event("run", run(1), "requested", 1), &Any).await?;
    let queue = world.log.work_queue(Queue::Runs).await?;
    assert_eq!(queue.ack_wait(), ACK_WAIT);
    drop(one(&queue).await?);
    let second = one(&queue).await?;
    assert_eq!(second.attempts, 2);
    let heartbeat = second.receipt.keep_alive();
    assert_eq!(queue.pull(1, ACK_WAIT * 5).await?.len(), 0, "a living worker keeps its message");
    drop(heartbeat);
    let third = one(&queue).await?;
    assert_eq!(third.attempts, 3);
    third.receipt.ack().await?;
    assert_eq!(queue.pull(1, ACK_WAIT * 3).await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_message_can_be_put_off_or_given_up() -> Result<()> {
    let world = World::start().await?;
    world.log.append(&event("run", run(1), "requested", 1), &Any).await?;
    let queue = world.log.work_queue(Queue::Runs).await?;
    one(&queue).await?.receipt.nak(Duration::from_millis(200)).await?;
    let again = one(&queue).await?;
    assert_eq!(again.attempts, 2);
    again.receipt.term("cannot be trained").await?;
    wait_for("settled", PATIENCE, async || match in_progress(&world).await {
        Ok(0) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    assert_eq!(queue.pull(1, Duration::ZERO).await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_waiting_worker_gets_what_arrives_and_batches_do_not_wait_to_fill() -> Result<()> {
    let world = World::start().await?;
    let queue = world.log.work_queue(Queue::Runs).await?;
    let waiting = queue.pull(100, PATIENCE);
    let appending = async {
        for number in 1..=5 {
            world.log.append(&event("run", run(number), "requested", number), &Any).await?;
        }
        anyhow::Ok(())
    };
    let (first, appended) = tokio::join!(waiting, appending);
    appended?;
    let rest = queue.pull(100, Duration::ZERO).await?;
    assert_eq!(first?.len() + rest.len(), 5);
    Ok(())
}

#[tokio::test]
async fn a_queue_survives_a_killed_server() -> Result<()> {
    let world = World::start().await?;
    let queue = world.log.work_queue(Queue::Runs).await?;
    world.nats.kill();
    world.log.append(&event("run", run(1), "requested", 1), &Any).await?;
    let delivery = wait_for("a delivery", PATIENCE, async || one(&queue).await.map_err(|e| format!("{e:#}"))).await?;
    delivery.receipt.ack().await?;
    Ok(())
}

#[tokio::test]
async fn commands_come_through_bare_or_with_an_envelope() -> Result<()> {
    let world = World::start().await?;
    let queue = world.log.work_queue(Queue::Commands).await?;
    world.nats.client().await?.request("patrol.cmd.run.start", "{}".into()).await?;
    let envelope = event("run", run(1), "start", 7).envelope;
    let sent = world.log.send_command("patrol.cmd.run.start", &envelope, "{}".into()).await?;
    assert!(!sent.duplicate);
    assert!(world.log.send_command("patrol.cmd.run.start", &envelope, "{}".into()).await?.duplicate);
    let deliveries = queue.pull(10, PATIENCE).await?;
    assert_eq!(deliveries.len(), 2);
    assert!(deliveries[0].envelope().is_err());
    assert_eq!(deliveries[1].envelope()?, envelope);
    Ok(())
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_an_error() -> Result<()> {
    let nats = test_support::TestNats::start().await?;
    let log = connect(&nats, "test").await?;
    let error = log.work_queue(Queue::Runs).await.err().context("an error")?;
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    Ok(())
}
