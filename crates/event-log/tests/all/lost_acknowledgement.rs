use crate::proxy::Proxy;
use crate::world::{PATIENCE, World, event, run};
use anyhow::Result;
use contracts::subjects;
use event_log::{Appended, EventLog, EventLogConfig, ExpectedVersion, NewEvent};
use test_support::wait_for;

/// Appends `events` behind version 1 over a network that loses the acknowledgement.
async fn append_over_a_lost_acknowledgement(events: Vec<NewEvent>) -> Result<(World, Appended)> {
    let world = World::start().await?;
    let guard = |sequence| ExpectedVersion::exact(subjects::run_lifecycle(run(1)), sequence);
    world.log.append(&event("run", run(1), "requested", 1), &guard(0)).await?;
    let proxy = Proxy::start(world.nats.port()).await?;
    let mut config = EventLogConfig::new(proxy.url(), "behind-proxy");
    config.request_timeout = PATIENCE;
    let log = EventLog::connect(config).await?;

    let stored = 1 + events.len() as u64;
    proxy.mute();
    let appending = tokio::spawn(async move { log.append_batch(&events, &guard(1)).await });
    wait_for("the events to be stored", PATIENCE, async || match world.log.last_sequence().await {
        Ok(sequence) if sequence == stored => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    assert!(!appending.is_finished(), "the acknowledgement must be lost for this test to mean anything");
    proxy.cut();
    let appended = tokio::time::timeout(PATIENCE, appending).await???;
    assert_eq!(world.log.last_sequence().await?, stored, "stored once");
    Ok((world, appended))
}

#[tokio::test]
async fn of_an_event_is_bridged_without_a_second_copy() -> Result<()> {
    let (_world, appended) = append_over_a_lost_acknowledgement(vec![event("run", run(1), "started", 2)]).await?;
    assert_eq!(appended, Appended { sequence: 2, duplicate: true });
    Ok(())
}

#[tokio::test]
async fn of_a_batch_is_bridged_without_a_second_copy() -> Result<()> {
    let batch = vec![
        event("training", run(1), "progressed", 2),
        event("run", run(1), "completed", 3),
        event("training", run(1), "progressed", 4),
    ];
    let (_world, appended) = append_over_a_lost_acknowledgement(batch).await?;
    assert_eq!(appended, Appended { sequence: 4, duplicate: true });
    Ok(())
}
