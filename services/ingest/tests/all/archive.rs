//! The archive against a real nats-server and real files: nothing lost and nothing doubled, whatever dies.

#[path = "../../../../crates/trajectories/tests/all/sample.rs"]
mod sample;

mod fixture;

use crate::world::run;
use anyhow::{Context, Result};
use contracts::config::RecordingLevel;
use contracts::events::{Split, Table};
use contracts::subjects;
use event_log::{StreamName, TrajectoryMessage};
use fixture::{PATIENT, PROMPT, World, message};
use ingest::archive::Limits;
use sample::Columns;
use std::num::NonZeroU32;
use trajectories::{Recording, Segment, SegmentHeader, layout, segment};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_segment_makes_the_files_at_once() -> Result<()> {
    let world = World::start(None).await?;
    let archive = world.archive(PATIENT);
    world.train(0..6, 0, Some(5)).await?;
    world.wait_until_settled().await?;
    world.verify(5).await?;
    world.verify_no_orphans().await?;
    for table in [Table::Episodes, Table::Maps, Table::WorldEvents] {
        let files = world.files(table).await?;
        assert_eq!(
            files.iter().filter_map(|file| file.blob.rows).sum::<u64>(),
            if table == Table::Maps { 2 } else { 4 }
        );
    }
    archive.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_archive_loses_nothing_and_doubles_nothing() -> Result<()> {
    let world = World::start(None).await?;
    // What a process leaves that died between its file and its event.
    let left = contracts::events::SegmentRange { producer: "train".into(), first: 0, last: 2 };
    let orphan = layout::file(Table::Steps, run(1), Split::Train, &left);
    world.store.put(&orphan, bytes::Bytes::from_static(b"half a truth")).await?;
    let archive = world.archive(PATIENT);
    world.train(0..8, 0, None).await?;
    world.wait_until_held(8).await?;
    archive.kill().await?;
    assert!(world.files(Table::Steps).await?.is_empty());
    let archive = world.archive(PROMPT);
    world.wait_until_settled().await?;
    archive.kill().await?;
    world.verify(7).await?;
    // A trainer that resumes repeats segments; only the new ones become rows.
    let archive = world.archive(PROMPT);
    world.train(4..12, 1, Some(11)).await?;
    world.wait_until_settled().await?;
    world.verify(11).await?;
    world.verify_no_orphans().await?;
    archive.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_writes_what_is_held() -> Result<()> {
    let world = World::start(None).await?;
    let archive = world.archive(PATIENT);
    world.train(0..3, 0, None).await?;
    world.wait_until_held(3).await?;
    archive.stop().await?;
    world.wait_until_settled().await?;
    world.verify(2).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_archives_at_once_do_not_double_rows() -> Result<()> {
    let world = World::start(None).await?;
    let limits = Limits { file_rows: 1500, ..PROMPT };
    let (one, two) = (world.archive(limits), world.archive(limits));
    world.train(0..40, 0, None).await?;
    world.train(0..40, 1, None).await?;
    world.wait_until_settled().await?;
    one.stop().await?;
    two.stop().await?;
    world.verify(39).await?;
    world.verify_no_orphans().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_archives_at_once_agree_where_the_actions_begin() -> Result<()> {
    let world = World::start(Some(30_000)).await?;
    let limits = Limits { file_rows: 1500, ..PROMPT };
    let (one, two) = (world.archive(limits), world.archive(limits));
    world.train(0..40, 0, None).await?;
    world.wait_until_settled().await?;
    one.stop().await?;
    two.stop().await?;
    let change = world.change().await?.context("a change")?;
    assert!((1..40).contains(&change.segment), "from segment {}", change.segment);
    world.verify(39).await?;
    world.verify_no_orphans().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_archived_meanwhile_is_not_written_again() -> Result<()> {
    let world = World::start(None).await?;
    let archive = world.archive(PATIENT);
    world.train([3, 4, 5, 39], 0, None).await?;
    world.wait_until_held(4).await?;
    world.claim("train", 30, 39).await?;
    // The first chunk meets the other process's event and loads the run again; the second is in there already.
    archive.stop().await?;
    world.wait_until_settled().await?;
    let files = world.files(Table::Steps).await?;
    let ranges: Vec<_> = files.iter().map(|file| (file.segments.first, file.segments.last)).collect();
    assert_eq!(ranges, [(3, 5), (30, 39)]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_budget_leaves_the_actions() -> Result<()> {
    let world = World::start(Some(10_000)).await?;
    let archive = world.archive(PATIENT);
    world.train(0..2, 0, Some(1)).await?;
    world.wait_until_settled().await?;
    let change = world.change().await?.context("a change")?;
    assert_eq!((change.from, change.to, change.segment), (RecordingLevel::Full, RecordingLevel::Actions, 2));
    archive.kill().await?;
    world.wait_until_nobody_waits().await?;
    // The decision holds for later processes, and is taken once.
    let archive = world.archive(PATIENT);
    world.train(2..6, 0, Some(5)).await?;
    world.wait_until_settled().await?;
    archive.stop().await?;
    assert_eq!(world.change().await?, Some(change));
    let ranges: Vec<_> = world.files(Table::Steps).await?.into_iter().map(|file| file.segments).collect();
    assert_eq!(ranges.iter().map(|range| (range.first, range.last)).collect::<Vec<_>>(), [(0, 1), (2, 5)]);
    world.verify(5).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_budget_leaves_the_actions_of_sampled_episodes() -> Result<()> {
    let world = World::recording(Recording::Sampled(NonZeroU32::new(2).context("2")?), Some(5_000)).await?;
    let archive = world.archive(PATIENT);
    world.train(0..2, 0, Some(1)).await?;
    world.wait_until_settled().await?;
    let change = world.change().await?.context("a change")?;
    assert_eq!((change.from, change.to, change.segment), (RecordingLevel::Sampled, RecordingLevel::Actions, 2));
    world.train(2..6, 0, Some(5)).await?;
    world.wait_until_settled().await?;
    archive.stop().await?;
    world.verify(5).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_is_waited_for() -> Result<()> {
    let world = World::start(None).await?;
    world.break_store(true)?;
    let archive = world.archive(PROMPT);
    world.train(0..4, 0, None).await?;
    world.wait_until_put_off().await?;
    world.break_store(false)?;
    world.wait_until_settled().await?;
    world.verify(3).await?;
    archive.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_from_outside_is_set_aside_with_its_reason() -> Result<()> {
    let world = World::start(None).await?;
    let archive = world.archive(PATIENT);
    let robot = |number| SegmentHeader::new("robot-7", number, Recording::Full);
    let good = message(3)?;
    world.publish(Split::External, &robot(3), bytes::Bytes::from_static(b"not arrow"), 0).await?;
    let mut outside = Columns::segment(9, 3, 4, 32, 4);
    outside.x[5] = 20;
    let outside = segment::encode(&[(Table::Steps, outside.batch()?)])?.remove(0);
    world.publish(Split::External, &robot(2), outside, 0).await?;
    world.publish(Split::External, &robot(0), good.clone(), 0).await?;
    // Steps that segment 0 has brought already.
    world.publish(Split::External, &SegmentHeader { end: true, ..robot(1) }, good.clone(), 0).await?;
    let bare = TrajectoryMessage {
        subject: subjects::trajectory(run(1), Split::External),
        id: "bare".into(),
        headers: Vec::new(),
        payload: good.clone(),
    };
    world.log.publish_trajectory(&bare).await?;
    let unknown =
        TrajectoryMessage { subject: subjects::trajectory(run(77), Split::External), id: "77".into(), ..bare };
    world.log.publish_trajectory(&unknown).await?;
    let strange = TrajectoryMessage { subject: "patrol.traj.me".into(), id: "me".into(), ..unknown };
    world.log.publish_trajectory(&strange).await?;

    world.wait_until_settled().await?;
    let letters = world.dead_letters(6).await?;
    let mut reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    reasons.sort_unstable();
    let expected = [
        "header `Patrol-Producer` is missing",
        "not an Arrow IPC stream",
        &format!("run {} does not exist", run(77)),
        "step 96 of episode 0 was sent before, or goes back behind an earlier segment",
        "table `steps`, row 5: `x` is 20, not at most 19",
        "the subject is not patrol.traj.<run_id>.<train|eval|baseline|external>",
    ];
    assert_eq!(reasons, expected);
    let files = world.files(Table::Steps).await?;
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].segments.first, files[0].segments.last, files[0].split), (0, 0, Split::External));
    assert_eq!(world.log.stream_status(StreamName::DeadLetters).await?.messages, 6);
    archive.stop().await
}

/// The segments of this file decode at all: the other tests compare bytes only.
#[test]
fn segments_of_these_tests_are_valid() -> Result<()> {
    let segment = Segment::decode(SegmentHeader::new("train", 0, Recording::Full), &message(0)?, &sample::WORLD)?;
    assert_eq!(segment.rows(), 4 * 32 * 4 + 4 + 2 + 4);
    Ok(())
}

/// In a cluster the events of an atomic batch become visible one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_beside_one_that_is_archived_stays() -> Result<()> {
    let world = World::start(None).await?;
    let file = |table, last| {
        let segments = contracts::events::SegmentRange { producer: "train".into(), first: 0, last };
        layout::file(table, run(1), Split::Train, &segments)
    };
    let (beside, superseded) = (file(Table::Episodes, 2), file(Table::Episodes, 1));
    for key in [&beside, &superseded] {
        world.store.put(key, bytes::Bytes::from_static(b"rows")).await?;
    }
    world.claim("train", 0, 2).await?;
    let archive = world.archive(PROMPT);
    world.train(0..3, 0, None).await?;
    world.wait_until_settled().await?;
    archive.stop().await?;
    assert_eq!(world.store.list(layout::ROOT).await?, [beside]);
    Ok(())
}
