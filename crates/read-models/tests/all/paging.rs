//! Laws of every list, for random pages, sizes and filters: walking it by number and by key gives each item once, in
//! order, and the total is right.

use crate::samples::*;
use crate::world::World;
use anyhow::{Result, ensure};
use contracts::Event;
use contracts::config::Algorithm;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use read_models::{Order, Page, Paging, RunFilter};
use std::fmt::Debug;

/// A run as the filters see it.
#[derive(Clone, Debug)]
struct Listed {
    id: i64,
    name: String,
    algorithm: &'static str,
    status: &'static str,
}

/// Draws values of `strategy`, the same ones in every run.
fn draw<S: Strategy>(strategy: &S, times: usize) -> Result<Vec<S::Value>> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    let mut one = || strategy.new_tree(&mut runner).map(|tree| tree.current());
    (0..times).map(|_| one().map_err(|reason| anyhow::anyhow!("{reason}"))).collect()
}

/// Checks the laws for a list that should have these keys in this order. `jump` is a page to ask for at once.
async fn obeys<T: Debug>(
    expected: &[i64],
    size: u32,
    jump: u32,
    key: impl Fn(&T) -> i64,
    read: impl AsyncFn(Paging) -> read_models::Result<Page<T>>,
) -> Result<()> {
    let keys = |page: &Page<T>| page.items.iter().map(&key).collect::<Vec<i64>>();
    let pages = expected.len().div_ceil(size as usize).max(1);
    let (mut by_number, mut by_key, mut after) = (Vec::new(), Vec::new(), None);
    for number in 1..=pages {
        let page = read(Paging::new(number as u32, size)).await?;
        ensure!(page.total == expected.len() as u64, "{} in total instead of {}", page.total, expected.len());
        ensure!(page.next.is_some() == (number < pages), "page {number} of {pages}: next is {:?}", page.next);
        by_number.extend(keys(&page));
        let page = read(Paging::new(1, size).after(after)).await?;
        ensure!(page.total == expected.len() as u64, "{} in total behind {after:?}", page.total);
        by_key.extend(keys(&page));
        after = page.next;
    }
    ensure!(after.is_none(), "the last page has a next one: {after:?}");
    ensure!(by_number == expected, "by number {by_number:?} instead of {expected:?}");
    ensure!(by_key == expected, "by key {by_key:?} instead of {expected:?}");
    let wanted = expected.iter().copied().skip((jump - 1) as usize * size as usize).take(size as usize);
    let page = read(Paging::new(jump, size)).await?;
    ensure!(keys(&page) == wanted.collect::<Vec<_>>(), "page {jump} is {page:?}");
    // Two pages behind a key are the page after next.
    if let Some(first) = expected.get(size as usize - 1) {
        let wanted = expected.iter().copied().skip(2 * size as usize).take(size as usize);
        let page = read(Paging::new(2, size).after(Some(*first))).await?;
        ensure!(keys(&page) == wanted.collect::<Vec<_>>(), "the second page behind {first} is {page:?}");
    }
    Ok(())
}

/// Sizes and pages that divide the lists evenly, unevenly, and not at all.
fn paging() -> impl Strategy<Value = (u32, u32)> {
    (prop_oneof![1..12_u32, 12..120_u32, 300..1001_u32], 1..40_u32)
}

/// The events of some runs in every state, and the runs as they should be listed, newest first.
fn some_runs() -> Result<(Vec<Event>, Vec<Listed>)> {
    let name = r"[a-cA-C%_\\ é]{1,12}";
    let drawn = draw(&(name, any::<bool>(), 0..5_usize, prop::bool::weighted(0.15)), 120)?;
    let (mut events, mut listed) = (Vec::new(), Vec::new());
    for (number, (name, a3c, state, deleted)) in drawn.into_iter().enumerate() {
        let id = run(number as u128);
        let mut event = requested(id, &name);
        if let (Event::RunRequested(request), true) = (&mut event, a3c) {
            request.config.learning.algorithm = Algorithm::A3c;
        }
        events.push(event);
        let number = events.len() as i64;
        if state > 0 {
            events.push(started(id, None));
        }
        let status = ["queued", "running", "paused", "completed", "failed"][state];
        match status {
            "paused" => events.push(paused(id, 1)),
            "completed" => events.push(completed(id, 1)),
            "failed" => events.push(failed(id)),
            _ => {}
        }
        if deleted {
            events.push(Event::RunDeleted(contracts::events::RunDeleted { run_id: id }));
        } else {
            listed.push(Listed { id: number, name, algorithm: if a3c { "a3c" } else { "ppo" }, status });
        }
    }
    listed.reverse();
    Ok((events, listed))
}

#[tokio::test]
async fn runs_obey_whatever_is_asked_of_them() -> Result<()> {
    let (events, listed) = some_runs()?;
    let world = World::with(events).await?;
    let some = |values: &'static [&'static str]| prop::option::of(prop::sample::select(values));
    let statuses = some(&["created", "queued", "running", "paused", "completed", "failed"]);
    let question = (statuses, some(&["ppo", "a3c"]), prop::option::of(r"[a-cA-C%_\\ é]{0,3}"), paging());
    let mut found = 0;
    for question in draw(&question, 60)? {
        let (status, algorithm, text, (size, jump)) = question.clone();
        let asked = |run: &&Listed| {
            status.is_none_or(|status| run.status == status)
                && algorithm.is_none_or(|algorithm| run.algorithm == algorithm)
                && text.as_ref().is_none_or(|text| run.name.to_lowercase().contains(&text.to_lowercase()))
        };
        let expected: Vec<i64> = listed.iter().filter(asked).map(|run| run.id).collect();
        found += expected.len();
        let filter = RunFilter {
            status: status.map(str::to_owned),
            algorithm: algorithm.map(str::to_owned),
            name_contains: text,
        };
        let read = async |paging| world.models.runs(&filter, paging).await;
        obeys(&expected, size, jump, |run| run.id, read)
            .await
            .map_err(|error| error.context(format!("{question:?}")))?;
    }
    ensure!(found > 300, "the questions find next to nothing");
    Ok(())
}

#[tokio::test]
async fn what_belongs_to_a_run_obeys_too() -> Result<()> {
    // Those of two runs mixed, so that keys have gaps.
    let mut events = vec![requested(run(1), "one"), requested(run(2), "two")];
    for number in 1..=150 {
        for which in [1, 2] {
            events.push(progressed(run(which), number));
            events.push(episode(run(which), 3 * number));
            events.push(checkpoint(run(which), 5 * number, false));
            events.push(evaluation_requested(run(which), 1000 * which + u128::from(number)));
        }
    }
    let ids = |wanted: fn(&Event) -> bool| {
        let numbered = (1..).zip(&events).filter(|(_, event)| wanted(event)).map(|(id, _)| id);
        numbered.collect::<Vec<i64>>()
    };
    let metrics = ids(|event| matches!(event, Event::TrainingProgressed(event) if event.run_id == run(1)));
    let mut evaluations = ids(|event| matches!(event, Event::EvaluationRequested(event) if event.run_id == run(1)));
    evaluations.reverse();
    let world = World::with(events.clone()).await?;
    let models = &world.models;
    let question = (paging(), any::<bool>(), prop::option::of(0..1300_i64));
    for ((size, jump), ascending, since) in draw(&question, 12)? {
        let order = if ascending { Order::OldestFirst } else { Order::NewestFirst };
        let ordered = |mut keys: Vec<i64>| {
            if !ascending {
                keys.reverse();
            }
            keys
        };
        let reported = metrics.iter().copied().filter(|id| since.is_none_or(|since| *id > since)).collect();
        let read = async |paging| models.run_metrics(run(1), order, since, paging).await;
        obeys(&ordered(reported), size, jump, |metric| metric.id, read).await?;
        let read = async |paging| models.episodes(run(1), order, paging).await;
        let episodes = ordered((1..=150).map(|number| 3 * number).collect());
        obeys(&episodes, size, jump, |episode| episode.episode_index, read).await?;
        let read = async |paging| models.checkpoints(run(1), paging).await;
        let checkpoints: Vec<i64> = (1..=150).rev().map(|number| 5 * number).collect();
        obeys(&checkpoints, size, jump, |checkpoint| checkpoint.updates, read).await?;
        let read = async |paging| models.evaluations(run(1), paging).await;
        obeys(&evaluations, size, jump, |evaluation| evaluation.id, read).await?;
        let read = async |paging| models.files(Some(1), paging).await;
        let mut files = ids(|event| matches!(event, Event::CheckpointCreated(event) if event.run_id == run(1)));
        files.reverse();
        obeys(&files, size, jump, |file| file.id, read).await?;
    }
    Ok(())
}
