use crate::samples::*;
use crate::world::World;
use anyhow::{Context, Result};
use event_log::Definitions;
use projector::OnPoison;
use read_models::{Batch, Fact, Paging, Position, RunFilter};

async fn names(world: &World) -> Result<Vec<String>> {
    let runs = world.models.runs(&RunFilter::default(), Paging::new(1, 100)).await?;
    Ok(runs.items.into_iter().map(|run| run.name).collect())
}

/// Makes the read models remember an event that the log does not have there.
async fn remember(world: &World, sequence: u64, identity: Option<String>) -> Result<()> {
    let created = world.log.stream_identity().await?;
    let event = requested(run(66), "never happened");
    let envelope = envelope(666, &event);
    let end = Position {
        stream_identity: identity.unwrap_or_else(|| Position::identity_of(created)),
        sequence,
        event_id: Some(envelope.id),
        event_at: Some(envelope.time),
    };
    let facts = vec![Fact { sequence, envelope, event }];
    world.models.apply(&Batch { after: 0, facts, poison: Vec::new(), end }).await?;
    Ok(())
}

async fn is_rebuilt(world: &World) -> Result<()> {
    let service = world.project(OnPoison::Stop);
    let rebuilt = async || match names(world).await {
        Ok(names) if names == ["b", "a"] => Ok(()),
        other => Err(format!("{other:?}")),
    };
    test_support::wait_for("the true runs", crate::world::PATIENCE, rebuilt).await?;
    let text = service.metrics.to_text();
    assert!(text.contains("patrol_projector_rebuilds_total 1"), "{text}");
    // And it goes on from there.
    let end = world.append(vec![progressed(run(1), 1)]).await?;
    test_support::wait_for("the next event", crate::world::PATIENCE, async || {
        let position = world.models.position().await.map_err(|error| error.to_string())?;
        if position.as_ref().is_some_and(|position| position.sequence == end) {
            Ok(())
        } else {
            Err(format!("{position:?}"))
        }
    })
    .await?;
    assert_eq!(world.check(OnPoison::Stop).await?.identical, Some(true));
    service.stop().await
}

#[tokio::test]
async fn read_models_ahead_of_the_log_are_built_again() -> Result<()> {
    let world = World::start().await?;
    world.append(vec![requested(run(1), "a"), requested(run(2), "b")]).await?;
    remember(&world, 100, None).await?;
    is_rebuilt(&world).await
}

#[tokio::test]
async fn another_event_at_the_position_means_another_past() -> Result<()> {
    let world = World::start().await?;
    world.append(vec![requested(run(1), "a"), requested(run(2), "b")]).await?;
    remember(&world, 2, None).await?;
    is_rebuilt(&world).await
}

#[tokio::test]
async fn read_models_of_another_log_are_built_again() -> Result<()> {
    let world = World::start().await?;
    world.append(vec![requested(run(1), "a"), requested(run(2), "b")]).await?;
    remember(&world, 1, Some("2020-01-01T00:00:00.000000000Z".into())).await?;
    is_rebuilt(&world).await
}

#[tokio::test]
async fn a_log_that_is_replaced_while_it_is_followed_is_noticed() -> Result<()> {
    let world = World::start().await?;
    world.append((1..=5).map(|number| requested(run(number), "old")).collect()).await?;
    let service = world.project(OnPoison::Stop);
    world.reach(5).await?;
    world.nats.client().await?.request("$JS.API.STREAM.DELETE.PATROL_EVENTS", "".into()).await?;
    world.log.ensure(&Definitions::embedded()?).await?;
    world.append(vec![requested(run(7), "new")]).await?;
    let replaced = async || match names(&world).await {
        Ok(names) if names == ["new"] => Ok(()),
        other => Err(format!("{other:?}")),
    };
    test_support::wait_for("the new log's run", crate::world::PATIENCE, replaced).await?;
    assert_eq!(world.models.position().await?.context("a position")?.sequence, 1);
    service.stop().await
}
