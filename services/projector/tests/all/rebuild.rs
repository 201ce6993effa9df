use crate::samples::*;
use crate::world::World;
use anyhow::{Context, Result};
use projector::{OnPoison, Progress, RebuildOptions};
use read_models::{Batch, Fact, Position};

#[tokio::test]
async fn a_rebuild_from_the_log_is_identical_in_every_table() -> Result<()> {
    let world = World::start().await?;
    let end = world.append(history()).await?;
    let service = world.project(OnPoison::Stop);
    world.reach(end).await?;
    let mut seen: Vec<Progress> = Vec::new();
    let options = RebuildOptions { check: true, on_poison: OnPoison::Stop };
    let report = projector::rebuild(&world.models, &world.log, options, |progress| seen.push(progress)).await?;
    assert_eq!((report.identical, report.events), (Some(true), end));
    assert!(report.tables.iter().all(|table| table.identical && table.live_rows > 0), "{report:?}");
    assert_eq!(seen.last().map(|progress| (progress.events, progress.total)), Some((end, end)));
    // Twice gives the same hashes.
    let again = world.check(OnPoison::Stop).await?;
    assert_eq!(serde_json::to_value(&again.tables)?, serde_json::to_value(&report.tables)?);
    service.stop().await
}

#[tokio::test]
async fn an_empty_log_is_identical_too() -> Result<()> {
    let world = World::start().await?;
    let report = world.check(OnPoison::Stop).await?;
    assert_eq!((report.identical, report.events), (Some(true), 0));
    Ok(())
}

/// Writes a run with another name than the log has, under the log's own position.
async fn tamper(world: &World) -> Result<()> {
    let created = world.log.stream_identity().await?;
    let event = requested(run(1), "forged");
    let envelope = envelope(1, &event);
    let end = Position {
        stream_identity: Position::identity_of(created),
        sequence: 1,
        event_id: Some(envelope.id),
        event_at: Some(envelope.time),
    };
    let facts = vec![Fact { sequence: 1, envelope, event }];
    world.models.apply(&Batch { after: 0, facts, poison: Vec::new(), end }).await?;
    Ok(())
}

#[tokio::test]
async fn a_difference_is_found_and_a_replacement_repairs_it() -> Result<()> {
    let world = World::start().await?;
    world.append(vec![requested(run(1), "true")]).await?;
    tamper(&world).await?;
    let report = world.check(OnPoison::Stop).await?;
    let differing: Vec<_> = report.tables.iter().filter(|table| !table.identical).map(|table| table.table).collect();
    assert_eq!((report.identical, differing), (Some(false), vec!["runs"]));
    assert_eq!(world.models.run(run(1)).await?.context("the run")?.name, "forged", "a check changes nothing");

    let options = RebuildOptions { check: false, on_poison: OnPoison::Stop };
    let report = projector::rebuild(&world.models, &world.log, options, |_| {}).await?;
    assert_eq!((report.identical, report.events), (None, 1));
    assert_eq!(world.models.run(run(1)).await?.context("the run")?.name, "true");
    assert_eq!(world.check(OnPoison::Stop).await?.identical, Some(true));
    Ok(())
}

#[tokio::test]
async fn a_check_beside_a_projector_that_goes_on_is_identical() -> Result<()> {
    let world = World::start().await?;
    world.append(vec![requested(run(1), "a")]).await?;
    let service = world.project(OnPoison::Stop);
    let writing = async {
        for round in 0..20_u64 {
            let updates = round * 200 + 1..=(round + 1) * 200;
            world.append(updates.map(|update| progressed(run(1), update)).collect()).await?;
        }
        anyhow::Ok(())
    };
    let checking = async {
        for _ in 0..3 {
            let report = world.check(OnPoison::Stop).await?;
            assert_eq!(report.identical, Some(true), "{report:?}");
        }
        anyhow::Ok(())
    };
    tokio::try_join!(writing, checking)?;
    service.stop().await
}
