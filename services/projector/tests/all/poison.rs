use crate::samples::*;
use crate::world::World;
use anyhow::{Context, Result};
use contracts::Event;
use projector::{Error, OnPoison};
use read_models::Paging;

/// A digest that no index can hold: longer than a page of Postgres and without any repetition to compress.
fn checkpoint_that_does_not_fit() -> Event {
    let mut event = checkpoint(run(1), 1, false);
    if let Event::CheckpointCreated(created) = &mut event {
        let mut state = 1_u64;
        let digit = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + (state >> 58) as u8)
        };
        created.digest = std::iter::repeat_with(digit).take(20_000).collect();
    }
    event
}

#[tokio::test]
async fn an_event_that_is_not_understood_stops_the_projector_behind_what_it_did_understand() -> Result<()> {
    let world = World::start().await?;
    world.append(vec![requested(run(1), "a"), progressed(run(1), 1)]).await?;
    let poison = world.append_unknown().await?;
    world.append(vec![progressed(run(1), 2)]).await?;
    let service = world.project(OnPoison::Stop);
    let health = service.health.clone();
    let error = service.ended().await?.err().context("it stops")?;
    assert!(matches!(error, Error::Poison { sequence, .. } if sequence == poison), "{error}");
    let text = error.to_string();
    assert!(text.contains("patrol.run.vanished.v1") && text.contains("--on-poison=skip"), "{text}");
    assert!(!health.report().ready);
    assert_eq!(world.models.position().await?.context("a position")?.sequence, poison - 1);
    Ok(())
}

#[tokio::test]
async fn a_skipped_event_is_recorded_and_a_rebuild_gives_the_same() -> Result<()> {
    let world = World::start().await?;
    world.append(vec![requested(run(1), "a")]).await?;
    let unknown = world.append_unknown().await?;
    // Published without any envelope.
    world.nats.client().await?.request("patrol.evt.run.x.y", "{}".into()).await?;
    let end = world.append(vec![progressed(run(1), 2)]).await?;
    let service = world.project(OnPoison::Skip);
    world.reach(end).await?;
    let letters = world.models.dead_letters(Paging::new(1, 10)).await?.items;
    let found: Vec<_> =
        letters.iter().map(|row| (row.sequence, row.subject.as_str(), row.recorded_at.is_some())).collect();
    assert_eq!(found, [(3, "patrol.evt.run.x.y", false), (unknown as i64, "patrol.run.vanished.v1", true)]);
    assert_eq!(world.models.run(run(1)).await?.context("the run")?.timestep, 200);
    assert_eq!(world.check(OnPoison::Skip).await?.identical, Some(true));
    let text = service.metrics.to_text();
    assert!(text.contains("patrol_projector_poison_total 2"), "{text}");
    service.stop().await
}

#[tokio::test]
async fn an_event_that_postgres_refuses_is_found_within_its_batch() -> Result<()> {
    let world = World::start().await?;
    let mut events: Vec<Event> = (0..300).map(|index| episode(run(1), index)).collect();
    events.insert(123, checkpoint_that_does_not_fit());
    let end = world.append(events).await?;
    let error = world.project(OnPoison::Stop).ended().await?.err().context("it stops")?;
    assert!(matches!(error, Error::Unfit { sequence: 124, .. }), "{error}");
    assert_eq!(world.models.position().await?.context("a position")?.sequence, 123);

    let service = world.project(OnPoison::Skip);
    world.reach(end).await?;
    let letters = world.models.dead_letters(Paging::new(1, 10)).await?;
    assert_eq!((letters.total, letters.items[0].sequence), (1, 124));
    let episodes = world.models.episodes(run(1), read_models::Order::NewestFirst, Paging::new(1, 1)).await?;
    assert_eq!(episodes.total, 300);
    service.stop().await
}
