use crate::world::{World, event, progress, run};
use anyhow::Result;
use contracts::subjects;
use event_log::{Appended, Error, ExpectedVersion, ExpectedVersion::Any, MAX_BATCH};

fn at(sequence: u64) -> ExpectedVersion {
    ExpectedVersion::exact(subjects::run_lifecycle(run(1)), sequence)
}

#[tokio::test]
async fn a_batch_is_stored_in_order_without_gaps() -> Result<()> {
    let world = World::start().await?;
    let appended = world.log.append_batch(&progress(run(1), 1, 1000), &Any).await?;
    assert_eq!(appended, Appended { sequence: 1000, duplicate: false });
    let ids = world.log.load(&subjects::all_of_run(run(1))).await?;
    assert!(ids.iter().zip(1..).all(|(event, id)| event.envelope.id.as_u128() == id));
    Ok(())
}

#[tokio::test]
async fn a_batch_with_a_stale_version_stores_nothing() -> Result<()> {
    let world = World::start().await?;
    world.log.append(&event("run", run(1), "requested", 1), &at(0)).await?;
    let batch = [event("run", run(1), "started", 2), event("training", run(1), "progressed", 3)];
    let error = world.log.append_batch(&batch, &at(0)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { expected: 0, actual: 1, .. }), "{error}");
    assert_eq!(world.log.last_sequence().await?, 1);
    world.log.append_batch(&batch, &at(1)).await?;
    assert_eq!(world.log.last_sequence().await?, 3);
    Ok(())
}

#[tokio::test]
async fn a_batch_guarded_by_the_run_is_fenced() -> Result<()> {
    let world = World::start().await?;
    world.log.append(&event("run", run(1), "started", 1), &at(0)).await?;
    world.log.append_batch(&progress(run(1), 10, 5), &at(1)).await?;
    world.log.append(&event("run", run(1), "started", 2), &at(1)).await?;
    let error = world.log.append_batch(&progress(run(1), 20, 5), &at(1)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { expected: 1, actual: 7, .. }), "{error}");
    assert_eq!(world.log.last_sequence().await?, 7);
    Ok(())
}

#[tokio::test]
async fn a_batch_that_is_repeated_is_stored_once() -> Result<()> {
    let world = World::start().await?;
    let batch = [
        event("run", run(1), "completed", 1),
        event("training", run(1), "progressed", 2),
        event("run", run(1), "deleted", 3),
    ];
    world.log.append_batch(&batch, &at(0)).await?;
    assert_eq!(world.log.append_batch(&batch, &at(0)).await?, Appended { sequence: 3, duplicate: true });
    assert_eq!(world.log.append_batch(&batch, &Any).await?, Appended { sequence: 3, duplicate: true });
    assert_eq!(world.log.last_sequence().await?, 3);
    Ok(())
}

#[tokio::test]
async fn a_batch_that_overlaps_an_earlier_one_is_completed() -> Result<()> {
    let world = World::start().await?;
    world.log.append_batch(&progress(run(1), 1, 10), &Any).await?;
    let appended = world.log.append_batch(&progress(run(1), 6, 10), &Any).await?;
    assert_eq!(appended, Appended { sequence: 15, duplicate: false });
    let loaded = world.log.load(&subjects::all_of_run(run(1))).await?;
    assert!(loaded.iter().zip(1..).all(|(event, id)| event.envelope.id.as_u128() == id));
    assert_eq!(loaded.len(), 15);
    Ok(())
}

#[tokio::test]
async fn the_bounds_of_a_batch_are_kept_and_many_events_take_several() -> Result<()> {
    let world = World::start().await?;
    let events = progress(run(1), 1, 2500);
    let error = world.log.append_batch(&events[..=MAX_BATCH], &Any).await.unwrap_err();
    assert!(matches!(error, Error::BatchTooLarge(1001)), "{error}");
    assert!(world.log.append_batch(&[], &Any).await.is_err());
    assert_eq!(world.log.append_many(&events).await?, Some(Appended { sequence: 2500, duplicate: false }));
    assert_eq!(world.log.append_many(&[]).await?, None);
    Ok(())
}
