use crate::samples::*;
use crate::world::{World, batch};
use anyhow::{Context, Result};
use contracts::Event;
use contracts::events::Split;
use read_models::{Applied, Error, TableFingerprint};

async fn content(world: &World) -> Result<Vec<TableFingerprint>> {
    Ok(world.models.snapshot().await?.fingerprints().await?)
}

#[tokio::test]
async fn redelivery_changes_nothing() -> Result<()> {
    let events = history();
    let world = World::with(events.clone()).await?;
    let before = content(&world).await?;
    let end = events.len() as u64;
    let applied = world.apply(0, events.clone()).await?;
    assert_eq!((applied, &content(&world).await?), (Applied { events: 0, sequence: end }, &before));
    // A batch that overlaps writes only its new part.
    let mut longer = events[10..].to_vec();
    longer.push(episode(run(7), 0));
    let applied = world.apply(10, longer).await?;
    assert_eq!(applied, Applied { events: 1, sequence: end + 1 });
    Ok(())
}

#[tokio::test]
async fn where_batches_end_makes_no_difference() -> Result<()> {
    let events = history();
    let whole = content(&World::with(events.clone()).await?).await?;
    assert!(whole.iter().all(|table| table.rows > 0), "the sample reaches every table: {whole:?}");
    for size in [1, 3, 7] {
        let world = World::start().await?;
        for (index, chunk) in events.chunks(size).enumerate() {
            world.apply((index * size) as u64, chunk.to_vec()).await?;
        }
        assert_eq!(content(&world).await?, whole, "batches of {size}");
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_that_fails_writes_neither_rows_nor_position() -> Result<()> {
    let world = World::with(vec![requested(run(1), "x")]).await?;
    let before = content(&world).await?;
    let mut unfit = progressed(run(1), 1);
    if let Event::TrainingProgressed(event) = &mut unfit {
        // JSON has no such number, so that no event of the log can bring it; the column refuses it.
        event.diagnostics.loss = f64::NAN;
    }
    let Event::FileWritten(written) = file_written(run(1), 1, contracts::events::Table::Steps, (0, 1)) else {
        unreachable!()
    };
    let mut clash = *written;
    clash.split = Split::Eval;
    // Two files with one stream sequence cannot be: the second breaks the batch after other rows were written.
    let mut broken = batch(1, vec![episode(run(1), 0), unfit, Event::FileWritten(Box::new(clash.clone()))]);
    clash.file_id = file(2);
    let mut twin = broken.facts[2].clone();
    twin.event = Event::FileWritten(Box::new(clash));
    broken.facts.push(twin);
    let error = world.models.apply(&broken).await.err().context("an error")?;
    assert!(error.is_unfit_data() && !error.is_retryable(), "{error:?}");
    assert_eq!(content(&world).await?, before);
    assert_eq!(world.models.position().await?.context("a position")?.sequence, 1);
    Ok(())
}

#[tokio::test]
async fn two_projectors_write_each_event_once() -> Result<()> {
    let events = history();
    let world = World::start().await?;
    let twice: (Result<_>, Result<_>) = tokio::join!(world.apply(0, events.clone()), world.apply(0, events.clone()));
    let mut written = [twice.0?.events, twice.1?.events];
    written.sort_unstable();
    assert_eq!(written, [0, events.len()]);
    Ok(())
}

#[tokio::test]
async fn tables_that_were_set_back_or_follow_another_log_are_refused() -> Result<()> {
    let world = World::with(vec![requested(run(1), "x")]).await?;
    let gap = world.models.apply(&batch(5, vec![episode(run(1), 0)])).await.err().context("an error")?;
    assert!(matches!(gap, Error::WentBack { expected: 5, found: 1 }) && gap.is_retryable(), "{gap}");
    let mut foreign = batch(1, vec![episode(run(1), 0)]);
    foreign.end.stream_identity = "2027-01-01T00:00:00.000000000Z".into();
    let error = world.models.apply(&foreign).await.err().context("an error")?;
    assert!(matches!(error, Error::OtherHistory { .. }) && !error.is_retryable(), "{error}");
    Ok(())
}
