use crate::samples::*;
use crate::world::{World, batch};
use anyhow::{Context, Result};
use read_models::{Error, RunFilter};

#[tokio::test]
async fn a_scratch_schema_with_the_same_events_has_the_same_content() -> Result<()> {
    let world = World::with(history()).await?;
    let scratch = world.models.scratch().await?;
    assert!(scratch.models.row_counts().await?.iter().all(|(_, rows)| *rows == 0));
    scratch.models.apply(&batch(0, history())).await?;
    let live = world.models.snapshot().await?.fingerprints().await?;
    assert_eq!(scratch.models.snapshot().await?.fingerprints().await?, live);
    // One more event is a difference, in its tables only.
    let end = history().len() as u64;
    scratch.models.apply(&batch(end, vec![progressed(run(1), 9)])).await?;
    let changed = scratch.models.snapshot().await?.fingerprints().await?;
    let differing: Vec<_> = live.iter().zip(&changed).filter(|(a, b)| a != b).map(|(a, _)| a.table).collect();
    assert_eq!(differing, ["runs", "run_metrics", "run_counts", "command_outcomes"]);
    scratch.discard().await?;
    Ok(())
}

#[tokio::test]
async fn a_changed_value_changes_the_hash_but_not_the_count() -> Result<()> {
    let ours = World::with(vec![requested(run(1), "a")]).await?.models.snapshot().await?.fingerprints().await?;
    let other = World::with(vec![requested(run(1), "b")]).await?.models.snapshot().await?.fingerprints().await?;
    assert_eq!(ours[0].rows, other[0].rows);
    assert_ne!(ours[0].hash, other[0].hash);
    Ok(())
}

#[tokio::test]
async fn a_snapshot_does_not_see_later_batches() -> Result<()> {
    let world = World::with(vec![requested(run(1), "a")]).await?;
    let snapshot = world.models.snapshot().await?;
    world.apply(1, vec![requested(run(2), "b")]).await?;
    assert_eq!(snapshot.position.as_ref().context("a position")?.sequence, 1);
    assert_eq!(snapshot.fingerprints().await?[0].rows, 1);
    Ok(())
}

#[tokio::test]
async fn promotion_replaces_rows_and_position() -> Result<()> {
    let world = World::with(vec![requested(run(1), "wrong"), requested(run(2), "wrong")]).await?;
    let scratch = world.models.scratch().await?;
    scratch.models.apply(&batch(0, vec![requested(run(3), "right")])).await?;
    scratch.promote(1).await?;
    let runs = world.models.runs(&RunFilter::default(), read_models::Paging::new(1, 10)).await?;
    assert_eq!((runs.total, runs.items[0].name.as_str()), (1, "right"));
    assert_eq!(world.models.position().await?.context("a position")?.sequence, 1);
    // The schema is gone, so that the next rebuild can begin.
    world.models.scratch().await?.discard().await?;
    Ok(())
}

#[tokio::test]
async fn tables_that_lost_their_rows_are_not_promoted() -> Result<()> {
    let world = World::with(vec![requested(run(1), "live"), requested(run(2), "live")]).await?;
    let scratch = world.models.scratch().await?;
    scratch.models.apply(&batch(0, vec![requested(run(3), "scratch")])).await?;
    let error = scratch.promote(2).await.err().context("an error")?;
    assert!(matches!(error, Error::WentBack { expected: 2, found: 1 }), "{error}");
    assert_eq!(world.models.position().await?.context("a position")?.sequence, 2);
    let runs = world.models.runs(&RunFilter::default(), read_models::Paging::new(1, 10)).await?;
    assert!(runs.total == 2 && runs.items.iter().all(|run| run.name == "live"));
    Ok(())
}

#[tokio::test]
async fn one_rebuild_at_a_time_and_leftovers_are_removed() -> Result<()> {
    let world = World::start().await?;
    let first = world.models.scratch().await?;
    first.models.apply(&batch(0, history())).await?;
    let second = world.models.scratch().await.err().context("an error")?;
    assert!(matches!(second, Error::RebuildRunning), "{second}");
    // As if killed: the connection ends, the schema stays.
    drop(first);
    let next =
        test_support::wait_for("the lock", crate::world::PATIENCE, async || world.models.scratch().await).await?;
    assert!(next.models.row_counts().await?.iter().all(|(_, rows)| *rows == 0));
    next.discard().await?;
    Ok(())
}
