use crate::world::{PATIENCE, World, event, progress, run};
use anyhow::{Context, Result};
use event_log::{Error, EventReader, ExpectedVersion::Any, ReadEnd, ReadOptions};
use futures::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

async fn sequences(reader: EventReader) -> Result<Vec<u64>> {
    let read = timeout(PATIENCE, reader.map(|event| event.map(|event| event.sequence)).collect::<Vec<_>>()).await?;
    Ok(read.into_iter().collect::<Result<Vec<_>, _>>()?)
}

async fn next(reader: &mut EventReader) -> Result<u64> {
    let event = timeout(PATIENCE, reader.next()).await?.context("the reader ended")??;
    Ok(event.sequence)
}

#[tokio::test]
async fn a_replay_is_complete_in_order_and_ends() -> Result<()> {
    let world = World::start().await?;
    world.log.append_many(&progress(run(1), 1, 3000)).await?;
    assert_eq!(sequences(world.log.read(ReadOptions::until_now(1))).await?, (1..=3000).collect::<Vec<_>>());
    assert_eq!(sequences(world.log.read(ReadOptions::until_now(2900))).await?, (2900..=3000).collect::<Vec<_>>());
    let options = ReadOptions { end: ReadEnd::Sequence(20), ..ReadOptions::until_now(11) };
    assert_eq!(sequences(world.log.read(options)).await?, (11..=20).collect::<Vec<_>>());
    assert_eq!(sequences(world.log.read(ReadOptions::until_now(3001))).await?, [0; 0]);
    Ok(())
}

#[tokio::test]
async fn an_empty_log_ends_at_once() -> Result<()> {
    let world = World::start().await?;
    assert_eq!(sequences(world.log.read(ReadOptions::until_now(1))).await?, [0; 0]);
    Ok(())
}

#[tokio::test]
async fn filters_select_and_a_filtered_replay_ends_too() -> Result<()> {
    let world = World::start().await?;
    world.log.append(&event("run", run(1), "requested", 1), &Any).await?;
    world.log.append_batch(&progress(run(1), 10, 5), &Any).await?;
    world.log.append(&event("run", run(1), "completed", 2), &Any).await?;
    world.log.append_batch(&progress(run(2), 20, 5), &Any).await?;
    let filtered = |filters: &[&str]| {
        let filters = filters.iter().map(|filter| (*filter).to_owned());
        world.log.read(ReadOptions::until_now(1).filtered(filters))
    };
    assert_eq!(sequences(filtered(&["patrol.evt.run.>"])).await?, [1, 7]);
    assert_eq!(sequences(filtered(&["patrol.evt.*.*.completed", "patrol.evt.*.*.requested"])).await?, [1, 7]);
    assert_eq!(sequences(filtered(&["patrol.evt.evaluation.>"])).await?, [0; 0]);
    Ok(())
}

#[tokio::test]
async fn a_follower_sees_new_events_over_restarts_each_once() -> Result<()> {
    let world = World::start().await?;
    world.log.append_batch(&progress(run(1), 1, 10), &Any).await?;
    let mut reader = world.log.read(ReadOptions::follow(3));
    for expected in 3..=10 {
        assert_eq!(next(&mut reader).await?, expected);
    }
    world.nats.restart().await?;
    world.log.append_batch(&progress(run(1), 11, 10), &Any).await?;
    for expected in 11..=20 {
        assert_eq!(next(&mut reader).await?, expected);
    }
    world.nats.kill();
    world.log.append_batch(&progress(run(1), 21, 10), &Any).await?;
    for expected in 21..=30 {
        assert_eq!(next(&mut reader).await?, expected);
    }
    assert!(timeout(Duration::from_millis(50), reader.next()).await.is_err(), "nothing more was appended");
    Ok(())
}

#[tokio::test]
async fn a_follower_that_has_read_nothing_yet_resumes_at_its_start() -> Result<()> {
    let world = World::start().await?;
    world.log.append_batch(&progress(run(1), 1, 10), &Any).await?;
    let mut reader = world.log.read(ReadOptions::follow(11));
    assert!(timeout(Duration::from_millis(200), reader.next()).await.is_err());
    world.nats.restart().await?;
    world.log.append(&event("run", run(1), "completed", 11), &Any).await?;
    assert_eq!(next(&mut reader).await?, 11);
    Ok(())
}

#[tokio::test]
async fn a_message_without_envelope_is_reported_and_reading_goes_on() -> Result<()> {
    let world = World::start().await?;
    world.log.append(&event("run", run(1), "requested", 1), &Any).await?;
    world.nats.client().await?.request("patrol.evt.run.x.y", "{}".into()).await?;
    world.log.append(&event("run", run(1), "started", 2), &Any).await?;
    let read: Vec<_> = timeout(PATIENCE, world.log.read(ReadOptions::until_now(1)).collect()).await?;
    assert_eq!(read.len(), 3);
    assert!(matches!(&read[1], Err(Error::Malformed { sequence: 2, subject, .. }) if subject == "patrol.evt.run.x.y"));
    assert!(read[0].is_ok() && read[2].is_ok());
    let mut reader = world.log.read(ReadOptions::until_now(1));
    for expected in [Some(1), Some(3), None] {
        assert_eq!(reader.next_event().await?.map(|recorded| recorded.sequence), expected, "events alone");
    }
    Ok(())
}

#[tokio::test]
async fn a_log_that_was_replaced_is_noticed() -> Result<()> {
    let world = World::start().await?;
    let identity = world.log.stream_identity().await?;
    world.log.append_batch(&progress(run(1), 1, 10), &Any).await?;
    let mut reader = world.log.read(ReadOptions::follow(1));
    for expected in 1..=10 {
        assert_eq!(next(&mut reader).await?, expected);
    }
    // An operator deletes the stream and creates it anew.
    world.nats.client().await?.request("$JS.API.STREAM.DELETE.PATROL_EVENTS", "".into()).await?;
    world.log.ensure(&event_log::Definitions::embedded()?).await?;
    assert_ne!(world.log.stream_identity().await?, identity);
    let error = timeout(PATIENCE, reader.next()).await?.context("an error")?.unwrap_err();
    assert!(matches!(error, Error::HistoryChanged { position: 10, .. }), "{error}");
    assert!(reader.next().await.is_none());
    Ok(())
}
