use crate::samples::*;
use crate::world::{PATIENCE, World};
use anyhow::Result;
use projector::OnPoison;
use read_models::{Order, Paging, RunFilter};
use test_support::wait_for;

#[tokio::test]
async fn events_become_rows_live_and_after_a_restart() -> Result<()> {
    let world = World::start().await?;
    world.append(vec![requested(run(1), "a")]).await?;
    let service = world.project(OnPoison::Stop);
    world.reach(1).await?;
    let end = world.append(vec![started(run(1), None), progressed(run(1), 1)]).await?;
    world.reach(end).await?;
    assert_eq!(world.models.run(run(1)).await?.map(|run| run.timestep), Some(100));
    assert!(service.health.report().ready);
    service.stop().await?;

    // What comes while it is away is there when it is back.
    let end = world.append((0..20_000).map(|index| episode(run(1), index)).collect()).await?;
    let service = world.project(OnPoison::Stop);
    world.reach(end).await?;
    assert_eq!(world.models.episodes(run(1), Order::NewestFirst, Paging::new(1, 1)).await?.total, 20_000);
    let text = service.metrics.to_text();
    assert!(text.contains("patrol_projector_events_total 20000"), "{text}");
    service.stop().await
}

#[tokio::test]
async fn restarts_of_both_servers_lose_nothing() -> Result<()> {
    let world = World::start().await?;
    world.append(vec![requested(run(1), "a")]).await?;
    let service = world.project(OnPoison::Stop);
    world.reach(1).await?;
    world.nats.restart().await?;
    let end = world.append(vec![started(run(1), None), progressed(run(1), 1)]).await?;
    world.reach(end).await?;
    world.postgres.restart().await?;
    let end = world.append(vec![progressed(run(1), 2), progressed(run(1), 3)]).await?;
    world.reach(end).await?;
    world.postgres.kill();
    let end = world.append(vec![progressed(run(1), 4)]).await?;
    world.reach(end).await?;
    let ready =
        async || if service.health.report().ready { Ok(()) } else { Err(format!("{:?}", service.health.report())) };
    wait_for("a healthy projector", PATIENCE, ready).await?;
    // A killed server loses what it had not written to its log yet, even what had been seen of it: it is projected again.
    let all = async || match world.models.run_metrics(run(1), Order::NewestFirst, None, Paging::new(1, 9)).await {
        Ok(page) if page.total == 4 => Ok(()),
        other => Err(format!("{other:?}")),
    };
    wait_for("all reports", PATIENCE, all).await?;
    assert_eq!(world.check(OnPoison::Stop).await?.identical, Some(true));
    service.stop().await
}

#[tokio::test]
async fn a_projector_that_starts_before_anything_exists_waits() -> Result<()> {
    let world = World::start().await?;
    world.nats.client().await?.request("$JS.API.STREAM.DELETE.PATROL_EVENTS", "".into()).await?;
    let service = world.project(OnPoison::Stop);
    let waiting = async || {
        let report = service.health.report();
        let detail = report.components.get("projector").map(|component| component.detail.clone()).unwrap_or_default();
        if detail.contains("event log") { Ok(()) } else { Err(detail) }
    };
    wait_for("the projector to miss the log", PATIENCE, waiting).await?;
    world.log.ensure(&event_log::Definitions::embedded()?).await?;
    let end = world.append(vec![requested(run(1), "a")]).await?;
    world.reach(end).await?;
    assert_eq!(world.models.runs(&RunFilter::default(), Paging::new(1, 9)).await?.total, 1);
    service.stop().await
}

#[tokio::test]
async fn two_projectors_beside_each_other_write_every_event_once() -> Result<()> {
    let world = World::start().await?;
    let (one, two) = (world.project(OnPoison::Stop), world.project(OnPoison::Stop));
    let end = world.append((0..3_000).map(|index| progressed(run(1), index + 1)).collect()).await?;
    world.reach(end).await?;
    assert_eq!(world.check(OnPoison::Stop).await?.identical, Some(true));
    one.stop().await?;
    two.stop().await
}
