use crate::world::{World, event, progress, run};
use anyhow::Result;
use event_log::{Error, ExpectedVersion::Any, ReadOptions};
use futures::{StreamExt, TryStreamExt};

#[tokio::test]
async fn a_history_goes_on_over_pages_and_over_what_is_no_event() -> Result<()> {
    let world = World::start().await?;
    world.log.append_many(&progress(run(1), 1, 700)).await?;
    world.log.append(&event("run", run(1), "completed", 701), &Any).await?;
    world.nats.client().await?.request(format!("patrol.evt.training.{}.progressed", run(1)), "{}".into()).await?;
    world.log.append_many(&progress(run(1), 703, 700)).await?;

    let read: Vec<_> = world.log.history("patrol.evt.training.>", 1).collect().await;
    let (events, strange): (Vec<_>, Vec<_>) = read.into_iter().partition(Result::is_ok);
    let sequences = events.into_iter().map(|event| event.map(|event| event.sequence)).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(sequences, (1..=700).chain(703..=1402).collect::<Vec<_>>());
    assert!(matches!(strange[..], [Err(Error::Malformed { sequence: 702, .. })]), "{strange:?}");
    assert!(matches!(world.log.load("patrol.evt.training.>").await, Err(Error::Malformed { sequence: 702, .. })));
    assert_eq!(world.log.load_after("patrol.evt.training.>", 702).await?.len(), 700);
    assert_eq!(world.log.load_after("patrol.evt.training.>", 1402).await?.len(), 0);
    assert_eq!(world.log.load("patrol.evt.evaluation.>").await?.len(), 0);
    Ok(())
}

/// A server allows a thousand consumers per stream.
#[tokio::test]
async fn thousands_of_histories_leave_room_for_readers() -> Result<()> {
    let world = World::start().await?;
    world.log.append_batch(&progress(run(1), 1, 3), &Any).await?;
    for _ in 0..1100 {
        assert_eq!(
            world.log.history("patrol.evt.>", 2).map_ok(|event| event.sequence).try_collect::<Vec<_>>().await?,
            [2, 3]
        );
    }
    assert_eq!(world.log.read(ReadOptions::until_now(1)).count().await, 3);
    Ok(())
}
