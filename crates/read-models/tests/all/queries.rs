use crate::samples::*;
use crate::world::World;
use anyhow::Result;
use read_models::{Order, Paging, RunFilter};

#[tokio::test]
async fn runs_are_listed_newest_first_filtered_and_paged() -> Result<()> {
    let mut events: Vec<_> = (1..=25).map(|number| requested(run(number), &format!("Night {number}"))).collect();
    events.push(started(run(3), None));
    events.push(requested(run(99), "50%_off"));
    let world = World::with(events).await?;
    let runs = async |filter: &RunFilter, page, size| world.models.runs(filter, Paging::new(page, size)).await;
    let everything = RunFilter::default();
    let page = runs(&everything, 2, 10).await?;
    let ids: Vec<_> = page.items.iter().map(|run| run.id).collect();
    assert_eq!((page.total, ids), (26, (7..=16).rev().collect::<Vec<i64>>()));
    let running = RunFilter { status: Some("running".into()), ..RunFilter::default() };
    assert_eq!(runs(&running, 1, 10).await?.items[0].name, "Night 3");
    let named = |text: &str| RunFilter { name_contains: Some(text.into()), ..RunFilter::default() };
    assert_eq!(runs(&named("night 2"), 1, 100).await?.total, 7);
    assert_eq!(runs(&named("%_"), 1, 100).await?.total, 1, "a client's wildcards are literal");
    let other = RunFilter { algorithm: Some("a3c".into()), ..RunFilter::default() };
    assert_eq!(runs(&other, 1, 100).await?.total, 0);
    assert_eq!(world.models.run_by_number(3).await?, world.models.run(run(3)).await?);
    assert_eq!(world.models.run_counts().await?, [("queued".into(), 25), ("running".into(), 1)]);
    Ok(())
}

#[tokio::test]
async fn names_are_found_whatever_the_case_of_their_letters() -> Result<()> {
    let names = ["Ärger am Tor", "ПАТРУЛЬ", "Night"];
    let events = names.iter().zip(1..).map(|(name, number)| requested(run(number), name));
    let world = World::with(events.collect()).await?;
    for (text, name) in
        [("ärger", "Ärger am Tor"), ("ÄRGER", "Ärger am Tor"), ("патруль", "ПАТРУЛЬ"), ("NIGHT", "Night")]
    {
        let filter = RunFilter { name_contains: Some(text.into()), ..RunFilter::default() };
        let found = world.models.runs(&filter, Paging::new(1, 10)).await?.items;
        assert_eq!(found.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), [name], "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn metrics_are_read_both_ways_and_since() -> Result<()> {
    let world = World::with((1..=30).map(|update| progressed(run(1), update)).collect()).await?;
    let read = async |order, since, paging| {
        let page = world.models.run_metrics(run(1), order, since, paging).await?;
        anyhow::Ok((page.total, page.items.iter().map(|metric| metric.id).collect::<Vec<_>>()))
    };
    assert_eq!(read(Order::NewestFirst, None, Paging::new(1, 3)).await?, (30, vec![30, 29, 28]));
    assert_eq!(read(Order::OldestFirst, None, Paging::new(2, 3)).await?, (30, vec![4, 5, 6]));
    assert_eq!(read(Order::OldestFirst, Some(28), Paging::new(1, 50)).await?, (2, vec![29, 30]));
    assert_eq!(world.models.run_metrics(run(2), Order::NewestFirst, None, Paging::new(1, 3)).await?.total, 0);
    Ok(())
}

#[tokio::test]
async fn runs_with_archived_steps_can_be_played_back() -> Result<()> {
    let world = World::with(history()).await?;
    let page = world.models.playback_sessions(Paging::new(1, 10)).await?;
    let session = &page.items[0];
    assert_eq!((page.total, page.items.len(), session.run.run_id), (1, 1, run(1).0));
    assert_eq!((session.step_rows, session.first_episode, session.last_episode), (100, Some(0), Some(19)));
    assert_eq!(session.last_step, Some(1599));
    assert!(session.first_recorded_at < session.last_recorded_at);
    Ok(())
}

#[tokio::test]
async fn an_empty_database_answers_every_list() -> Result<()> {
    let world = World::start().await?;
    let paging = Paging::new(1, 10);
    assert_eq!(world.models.position().await?, None);
    assert_eq!(world.models.runs(&RunFilter::default(), paging).await?.total, 0);
    assert_eq!(world.models.playback_sessions(paging).await?.total, 0);
    assert_eq!(world.models.archive_totals(None).await?.bytes, 0);
    assert_eq!(world.models.latest_metric(run(1)).await?, None);
    assert!(world.models.row_counts().await?.iter().all(|(_, rows)| *rows == 0));
    world.models.ping().await?;
    Ok(())
}
