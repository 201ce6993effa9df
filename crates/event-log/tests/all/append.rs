use crate::world::{World, event, run};
use anyhow::Result;
use contracts::subjects;
use event_log::{Appended, Error, ErrorClass, ExpectedVersion, ExpectedVersion::Any};
use std::time::Duration;

fn at(sequence: u64) -> ExpectedVersion {
    ExpectedVersion::exact(subjects::run_lifecycle(run(1)), sequence)
}

#[tokio::test]
async fn an_event_reads_back_as_it_was_appended() -> Result<()> {
    let world = World::start().await?;
    let requested = event("run", run(1), "requested", 1);
    let appended = world.log.append(&requested, &Any).await?;
    assert_eq!(appended, Appended { sequence: 1, duplicate: false });
    let read = world.log.event_at(1).await?.expect("the event");
    assert_eq!((read.sequence, &read.envelope), (1, &requested.envelope));
    assert_eq!(read.payload, requested.payload);
    assert!(world.log.event_at(2).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn the_same_id_is_stored_once() -> Result<()> {
    let world = World::start().await?;
    let requested = event("run", run(1), "requested", 1);
    world.log.append(&requested, &Any).await?;
    assert_eq!(world.log.append(&requested, &Any).await?, Appended { sequence: 1, duplicate: true });
    assert_eq!(world.log.last_sequence().await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_stale_version_is_a_conflict_that_names_the_actual_one() -> Result<()> {
    let world = World::start().await?;
    world.log.append(&event("run", run(1), "requested", 1), &at(0)).await?;
    world.log.append(&event("run", run(1), "started", 2), &at(1)).await?;
    let error = world.log.append(&event("run", run(1), "paused", 3), &at(1)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { expected: 1, actual: 2, .. }), "{error}");
    assert_eq!(error.class(), ErrorClass::Conflict);
    let error = world.log.append(&event("run", run(1), "requested", 4), &at(0)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { expected: 0, actual: 2, .. }), "{error}");
    assert_eq!(world.log.last_sequence().await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_retry_after_a_lost_acknowledgement_finds_its_own_event() -> Result<()> {
    let world = World::start().await?;
    world.log.append(&event("run", run(1), "requested", 1), &at(0)).await?;
    let started = event("run", run(1), "started", 2);
    world.log.append(&started, &at(1)).await?;
    assert_eq!(world.log.append(&started, &at(1)).await?, Appended { sequence: 2, duplicate: true });
    // Even when somebody else went on from there.
    world.log.append(&event("run", run(1), "pause_requested", 3), &at(2)).await?;
    world.log.append(&event("run", run(1), "started", 4), &at(3)).await?;
    assert_eq!(world.log.append(&started, &at(1)).await?, Appended { sequence: 2, duplicate: true });
    Ok(())
}

#[tokio::test]
async fn of_many_who_append_at_one_version_one_wins() -> Result<()> {
    let world = World::start().await?;
    world.log.append(&event("run", run(1), "requested", 1), &at(0)).await?;
    let contenders = (10..18).map(|id| {
        let log = world.log.clone();
        async move { log.append(&event("run", run(1), "started", id), &at(1)).await }
    });
    let outcomes = futures::future::join_all(contenders).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(matches!(error, Error::Conflict { actual: 2, .. }), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_trainer_that_lost_its_run_cannot_append_training_events() -> Result<()> {
    let world = World::start().await?;
    world.log.append(&event("run", run(1), "requested", 1), &at(0)).await?;
    world.log.append(&event("run", run(1), "started", 2), &at(1)).await?;
    let checkpoint = event("training", run(1), "checkpoint_created", 3);
    assert_eq!(world.log.append(&checkpoint, &at(2)).await?.sequence, 3);
    assert_eq!(world.log.append(&event("training", run(1), "checkpoint_created", 4), &at(2)).await?.sequence, 4);
    // Another trainer takes over.
    world.log.append(&event("run", run(1), "started", 5), &at(2)).await?;
    let error = world.log.append(&event("training", run(1), "checkpoint_created", 6), &at(2)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { expected: 2, actual: 5, .. }), "{error}");
    // What it had appended before is still its own.
    assert_eq!(world.log.append(&checkpoint, &at(2)).await?, Appended { sequence: 3, duplicate: true });
    Ok(())
}

#[tokio::test]
async fn an_append_waits_for_a_server_that_was_killed() -> Result<()> {
    let world = World::start().await?;
    world.log.append(&event("run", run(1), "requested", 1), &at(0)).await?;
    world.nats.kill();
    let appended = tokio::time::timeout(Duration::from_secs(30), async {
        world.log.append(&event("run", run(1), "started", 2), &at(1)).await
    });
    assert_eq!(appended.await??.sequence, 2);
    assert_eq!(world.log.load(&subjects::run_lifecycle(run(1))).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn bad_input_is_an_error_and_changes_nothing() -> Result<()> {
    let world = World::start().await?;
    let mut forged = event("run", run(1), "requested", 1);
    forged.envelope.traceparent = Some("x\r\nNats-Rollup: all".into());
    assert_eq!(world.log.append(&forged, &Any).await.unwrap_err().class(), ErrorClass::Fatal);
    let mut huge = event("run", run(1), "requested", 2);
    huge.payload = vec![b' '; world.log.max_payload() + 1].into();
    let error = world.log.append(&huge, &Any).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    let mut nowhere = event("run", run(1), "requested", 3);
    nowhere.subject = "patrol evt".into();
    assert_eq!(world.log.append(&nowhere, &Any).await.unwrap_err().class(), ErrorClass::Fatal);
    assert_eq!(world.log.last_sequence().await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_aggregate_loads_in_pages_and_from_a_sequence_on() -> Result<()> {
    let world = World::start().await?;
    for batch in crate::world::progress(run(1), 1, 1201).chunks(1000) {
        world.log.append_batch(batch, &Any).await?;
    }
    world.log.append(&event("run", run(2), "requested", 5000), &Any).await?;
    let loaded = world.log.load(&subjects::all_of_run(run(1))).await?;
    assert_eq!(loaded.iter().map(|event| event.sequence).collect::<Vec<_>>(), (1..=1201).collect::<Vec<_>>());
    assert_eq!(world.log.load_after(&subjects::all_of_run(run(1)), 1200).await?.len(), 1);
    assert_eq!(world.log.load(&subjects::all_of_run(run(3))).await?.len(), 0);
    assert_eq!(world.log.last_sequence_of(&subjects::all_of_run(run(2))).await?, 1202);
    Ok(())
}
