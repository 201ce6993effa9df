//! Trajectories of robots and simulators outside.

use crate::harness::{PATIENCE, System, small_run, with};
use anyhow::{Context, Result};
use bytes::Bytes;
use contracts::events::Split;
use contracts::{Event, RunId, subjects};
use event_log::{StreamName, TrajectoryMessage};
use read_models::Paging;
use test_support::wait_for;
use trajectories::{Recording, SegmentHeader};

/// Three steps of two robots, written by pyarrow.
const SEGMENT: &[u8] = include_bytes!("../../crates/trajectories/tests/data/pyarrow.segment");
const ROWS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_valid_is_archived_and_what_is_not_is_set_aside_with_its_reason() -> Result<()> {
    let system = System::start().await?;
    let _services = [system.service("ingest")?, system.service("projector")?];
    let world = with(with(small_run(1, 4096), "env_width", 20), "env_height", 20);
    let run = system.start_run(&with(world, "num_robots", 2)).await?;
    system.wait_for_event(subjects::run_lifecycle(run), |_, _| Some(())).await?;
    let unknown = crate::harness::run_id(99);
    send(&system, run, "robot-7", 0, SEGMENT).await?;
    send(&system, run, "robot-8", 0, b"no Arrow").await?;
    send(&system, unknown, "robot-7", 0, SEGMENT).await?;
    system.settle().await?;

    let files = system.events(run).await?.into_iter().filter_map(|event| match event {
        Event::FileWritten(file) => Some((file.split, file.blob.rows, file.segments.producer)),
        _ => None,
    });
    assert_eq!(files.collect::<Vec<_>>(), [(Split::External, Some(ROWS), "robot-7".to_owned())]);
    assert_eq!(system.archived_steps(run, Split::External).await?.len() as u64, ROWS);

    let letters = wait_for("two dead letters", PATIENCE, async || {
        let page = system.models.dead_letters(Paging::new(1, 10)).await.map_err(|error| error.to_string())?;
        if page.items.len() == 2 { Ok(page.items) } else { Err(format!("{:?}", page.items)) }
    });
    let mut reasons: Vec<String> = letters.await?.into_iter().map(|letter| letter.reason).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["not an Arrow IPC stream".to_owned(), format!("run {unknown} does not exist")]);
    assert_eq!(system.log.stream_status(StreamName::DeadLetters).await?.messages, 2);
    system.replay_is_identical().await?;
    Ok(())
}

/// The only segment of `producer`.
async fn send(system: &System, run: RunId, producer: &str, number: u64, payload: &[u8]) -> Result<()> {
    let header = SegmentHeader { end: true, ..SegmentHeader::new(producer, number, Recording::Full) };
    let mut headers = header.to_headers(run, Split::External);
    let id = headers.iter().position(|(name, _)| *name == "Nats-Msg-Id").context("a message id")?;
    let (_, id) = headers.swap_remove(id);
    let message = TrajectoryMessage {
        subject: subjects::trajectory(run, Split::External),
        id,
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        payload: Bytes::copy_from_slice(payload),
    };
    system.log.publish_trajectory(&message).await?;
    Ok(())
}
