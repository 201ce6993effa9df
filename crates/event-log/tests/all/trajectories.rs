use crate::world::{PATIENCE, World, run};
use anyhow::Result;
use contracts::events::Split;
use contracts::subjects;
use event_log::{Definitions, Queue, StreamName, TrajectoryMessage, TrajectoryPublisher};
use std::time::Duration;
use test_support::wait_for;

const BYTES: usize = 50_000;

fn segment(number: u64) -> TrajectoryMessage {
    TrajectoryMessage {
        subject: subjects::trajectory(run(1), Split::Train),
        id: format!("train/{number}"),
        headers: vec![("patrol-segment".into(), number.to_string())],
        payload: vec![number as u8; BYTES].into(),
    }
}

#[tokio::test]
async fn segments_keep_their_headers_and_are_stored_once() -> Result<()> {
    let world = World::start().await?;
    assert!(!world.log.publish_trajectory(&segment(1)).await?.duplicate);
    assert!(world.log.publish_trajectory(&segment(1)).await?.duplicate);
    let delivery = world.log.work_queue(Queue::Trajectories).await?.pull(10, PATIENCE).await?.remove(0);
    assert_eq!(delivery.header("patrol-segment"), Some("1"));
    assert_eq!(delivery.payload.len(), BYTES);
    Ok(())
}

#[tokio::test]
async fn a_full_stream_slows_the_producer_and_loses_nothing() -> Result<()> {
    const SEGMENTS: u64 = 20;
    let small = Definitions::embedded()?.with_max_bytes(StreamName::Trajectories, 5 * BYTES as u64);
    let world = World::start_with(small).await?;
    let queue = world.log.work_queue(Queue::Trajectories).await?;
    let publisher = TrajectoryPublisher::new(world.log.clone(), 4 * BYTES as u32);
    let producer = tokio::spawn(async move {
        for number in 0..SEGMENTS {
            publisher.publish(segment(number)).await?;
        }
        publisher.close().await
    });
    wait_for("a full stream", PATIENCE, async || match world.log.stream_status(StreamName::Trajectories).await {
        Ok(status) if status.messages == 4 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    assert!(!producer.is_finished());
    let mut numbers = Vec::new();
    while numbers.len() < SEGMENTS as usize {
        for delivery in queue.pull(3, PATIENCE).await? {
            numbers.push(delivery.header("patrol-segment").unwrap_or_default().parse::<u64>()?);
            delivery.receipt.ack().await?;
        }
    }
    producer.await??;
    numbers.sort_unstable();
    assert_eq!(numbers, (0..SEGMENTS).collect::<Vec<_>>(), "all of them, once");
    Ok(())
}

#[tokio::test]
async fn a_publisher_bridges_a_killed_server_and_confirms() -> Result<()> {
    let world = World::start().await?;
    let publisher = TrajectoryPublisher::new(world.log.clone(), 1 << 20);
    publisher.publish(segment(1)).await?;
    world.nats.kill();
    let confirmation = publisher.publish_confirmed(segment(2)).await?;
    tokio::time::timeout(PATIENCE, confirmation).await??;
    assert_eq!(publisher.backlog(), 0);
    assert_eq!(world.log.stream_status(StreamName::Trajectories).await?.messages, 2);
    tokio::time::timeout(Duration::from_secs(5), publisher.close()).await??;
    Ok(())
}
