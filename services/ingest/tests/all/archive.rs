//! The archive against a real nats-server and real files: nothing lost and nothing doubled, whatever dies.

#[path = "../../../../crates/trajectories/tests/all/sample.rs"]
mod sample;

use crate::world::{PATIENCE, chrono_epoch, run};
use anyhow::{Context, Result, bail};
use contracts::commands::StartRun;
use contracts::config::RecordingLevel;
use contracts::events::{FileWritten, MessageDeadLettered, RunRequested, Split, Table};
use contracts::{CommandId, Envelope, Event, EventId, RunId, subjects};
use event_log::{
    Definitions, EventLog, EventLogConfig, ExpectedVersion, NewEvent, Queue, StreamName, TrajectoryMessage,
};
use ingest::archive::{self, Limits};
use sample::Columns;
use serde_json::json;
use service_runtime::{Lifecycle, Metrics, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use test_support::{TestNats, wait_for};
use tokio::task::JoinHandle;
use trajectories::{ObjectStore, RecordBatch, Recording, Segment, SegmentHeader, layout, segment, store, write};

struct World {
    _nats: TestNats,
    log: EventLog,
    store: ObjectStore,
}

/// A running archive; dropping it is a kill.
struct Archive {
    lifecycle: Lifecycle,
    task: JoinHandle<Result<(), archive::Error>>,
}

/// Waits for more segments than a test ever sends.
const PATIENT: Limits = Limits {
    file_rows: usize::MAX,
    file_bytes: usize::MAX,
    idle: Duration::from_secs(600),
    age: Duration::from_secs(600),
    memory_bytes: usize::MAX,
};
/// Writes a file as soon as nothing comes any more.
const PROMPT: Limits = Limits { idle: Duration::from_millis(200), ..PATIENT };

impl World {
    /// A run `1` on 20 × 20 cells, with a queue that soon delivers again what a dead archive held.
    async fn start(budget: Option<u64>) -> Result<Self> {
        let nats = TestNats::start().await?;
        let log = EventLog::connect(EventLogConfig::new(nats.url(), "test")).await?;
        let second = json!(1_000_000_000_u64);
        log.ensure(&Definitions::embedded()?.with_queue_field(Queue::Trajectories, "ack_wait", second)).await?;
        let store = ObjectStore::local(&nats.directory().path().join("store"))?;
        let world = Self { _nats: nats, log, store };
        world.request_run(run(1), budget).await?;
        Ok(world)
    }

    async fn request_run(&self, run_id: RunId, budget: Option<u64>) -> Result<()> {
        let start =
            StartRun { run_id: Some(run_id), total_timesteps: 1000, num_robots: Some(4), ..StartRun::default() };
        let mut config =
            domain::run_config::complete(&start, CommandId(run_id.0)).map_err(|r| anyhow::anyhow!("{r:?}"))?;
        config.recording.level = RecordingLevel::Full;
        config.recording.budget_bytes = budget.unwrap_or(u64::MAX >> 12);
        let name = "archive".to_owned();
        let requested = RunRequested { run_id, name, config, parent_run_id: None, init_from: None, resume_from: None };
        let event = Event::RunRequested(Box::new(requested));
        let envelope = Envelope::for_event(&event, EventId(run_id.0), "ingest", chrono_epoch());
        self.log.append(&NewEvent::new(&event, envelope)?, &ExpectedVersion::Any).await?;
        Ok(())
    }

    fn archive(&self, limits: Limits) -> Archive {
        let lifecycle = Lifecycle::new();
        let (log, store) = (self.log.clone(), self.store.clone());
        let context = archive::Context::new(log, store, Arc::new(SystemClock), limits, &Metrics::new("test"));
        let task = tokio::spawn(archive::run(context, lifecycle.clone()));
        Archive { lifecycle, task }
    }

    /// Publishes segments of training, `end` on the last.
    async fn train(&self, numbers: impl IntoIterator<Item = u64>, attempt: u32, end: Option<u64>) -> Result<()> {
        for number in numbers {
            let header =
                SegmentHeader { end: Some(number) == end, ..SegmentHeader::new("train", number, Recording::Full) };
            self.publish(Split::Train, &header, message(number)?, attempt).await?;
        }
        Ok(())
    }

    /// Publishes under an id of this attempt, so that the server itself drops no repetition.
    async fn publish(&self, split: Split, header: &SegmentHeader, payload: bytes::Bytes, attempt: u32) -> Result<()> {
        let headers = header.to_headers(run(1), split).into_iter().filter(|(name, _)| *name != "Nats-Msg-Id");
        let message = TrajectoryMessage {
            subject: subjects::trajectory(run(1), split),
            id: format!("{}/{}/{}/{attempt}", split.token(), header.producer, header.number),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).collect(),
            payload,
        };
        self.log.publish_trajectory(&message).await?;
        Ok(())
    }

    /// Appends the event by which another process says that it archived segments.
    async fn claim(&self, producer: &str, first: u64, last: u64) -> Result<()> {
        let segments = contracts::events::SegmentRange { producer: producer.into(), first, last };
        let key = layout::file(Table::Steps, run(1), Split::Train, &segments);
        let file_id = contracts::FileId(run(1).derive(&key));
        let event = Event::FileWritten(Box::new(FileWritten {
            run_id: run(1),
            file_id,
            split: Split::Train,
            table: Table::Steps,
            blob: contracts::events::BlobRef { uri: key, sha256: store::sha256(b""), bytes: 0, rows: Some(0) },
            segments,
            first_episode: None,
            last_episode: None,
            first_step: None,
            last_step: None,
        }));
        let envelope = Envelope::for_event(&event, EventId(file_id.0), "ingest", chrono_epoch());
        self.log.append(&NewEvent::new(&event, envelope)?, &ExpectedVersion::Any).await?;
        Ok(())
    }

    async fn files(&self, table: Table) -> Result<Vec<FileWritten>> {
        let mut files = Vec::new();
        for recorded in self.log.load(&subjects::event("archive", Some(run(1)), "file_written")).await? {
            if let Event::FileWritten(file) = recorded.event()?
                && file.table == table
            {
                files.push(*file);
            }
        }
        files.sort_by_key(|file| file.segments.first);
        Ok(files)
    }

    async fn wait_until_settled(&self) -> Result<()> {
        wait_for("an empty trajectory queue", PATIENCE, async || {
            match self.log.stream_status(StreamName::Trajectories).await {
                Ok(status) if status.messages == 0 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// Waits until the archive holds `count` messages that it has not acknowledged.
    async fn wait_until_held(&self, count: u64) -> Result<()> {
        wait_for("messages in the archive's hands", PATIENCE, async || {
            match self.log.consumer_status(Queue::Trajectories).await {
                Ok(status) if status.in_progress == count => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// Waits until the server knows that a killed archive asks for nothing more: what it hands to nobody comes back much later.
    async fn wait_until_nobody_waits(&self) -> Result<()> {
        wait_for("an end of waiting", PATIENCE, async || match self.log.consumer_status(Queue::Trajectories).await {
            Ok(status) if status.waiting_workers == 0 => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    /// Every segment of training from 0 to `last` is in exactly one file, and each file is what its segments make.
    async fn verify(&self, last: u64) -> Result<()> {
        let mut next = 0;
        for file in self.files(Table::Steps).await? {
            let range = &file.segments;
            anyhow::ensure!(range.first == next, "expected segment {next}, found {range:?}");
            next = range.last + 1;
            let rows: Vec<RecordBatch> = (range.first..=range.last).map(steps).collect::<Result<_>>()?;
            let expected = write::steps(&rows.iter().collect::<Vec<_>>())?.context("rows")?;
            let bytes = self.store.get(&file.blob.uri).await?;
            anyhow::ensure!(bytes == expected.bytes, "the rows of {range:?} differ");
            assert_eq!(file.blob.sha256, store::sha256(&bytes));
            assert_eq!((file.blob.bytes, file.blob.rows), (bytes.len() as u64, Some(expected.rows)));
            assert_eq!((file.first_episode, file.last_episode), (Some(0), Some(3)));
        }
        anyhow::ensure!(next == last + 1, "segments from {next} on are missing");
        Ok(())
    }

    /// Every file in the store is named by an event.
    async fn verify_no_orphans(&self) -> Result<()> {
        let mut known = Vec::new();
        for table in Table::ALL {
            known.extend(self.files(table).await?.into_iter().map(|file| file.blob.uri));
        }
        known.sort_unstable();
        assert_eq!(self.store.list(layout::ROOT).await?, known);
        Ok(())
    }

    async fn dead_letters(&self, count: usize) -> Result<Vec<MessageDeadLettered>> {
        wait_for("dead letters", PATIENCE, async || {
            let events = self.log.load("patrol.evt.archive.*.message_dead_lettered").await;
            let events = events.map_err(|error| error.to_string())?;
            if events.len() < count {
                return Err(format!("{} dead letters", events.len()));
            }
            let letters = events.iter().filter_map(|recorded| match recorded.event() {
                Ok(Event::MessageDeadLettered(letter)) => Some(letter),
                _ => None,
            });
            Ok(letters.collect())
        })
        .await
    }
}

impl Archive {
    async fn stop(mut self) -> Result<()> {
        self.lifecycle.shut_down();
        Ok((&mut self.task).await??)
    }

    /// Dies like a process that is killed: nothing is finished, nothing is acknowledged.
    async fn kill(mut self) -> Result<()> {
        self.task.abort();
        match (&mut self.task).await {
            Err(end) if end.is_cancelled() => Ok(()),
            other => bail!("it ended by itself: {other:?}"),
        }
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn steps(number: u64) -> Result<RecordBatch> {
    Ok(Columns::segment(9, number, 4, 32, 4).batch()?)
}

fn message(number: u64) -> Result<bytes::Bytes> {
    let mut tables = vec![(Table::Steps, steps(number)?)];
    if number == 0 {
        tables.push((Table::Episodes, sample::episodes(0..4)?));
        tables.push((Table::Maps, sample::maps()?));
        tables.push((Table::WorldEvents, sample::world_events(0..4)?));
    }
    segment::encode(&tables)?.into_iter().next().context("one message")
}

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
    let filter = subjects::event("archive", Some(run(1)), "recording_changed");
    let change = wait_for("the change", PATIENCE, async || match world.log.load(&filter).await {
        Ok(events) => events.first().cloned().ok_or_else(|| "no event".to_owned()),
        Err(error) => Err(error.to_string()),
    });
    let Event::RecordingChanged(change) = change.await?.event()? else { bail!("another event") };
    assert_eq!((change.from, change.to, change.segment), (RecordingLevel::Full, RecordingLevel::Actions, 2));
    archive.kill().await?;
    world.wait_until_nobody_waits().await?;
    // The decision holds for later processes, and is taken once.
    let archive = world.archive(PATIENT);
    world.train(2..6, 0, Some(5)).await?;
    world.wait_until_settled().await?;
    archive.stop().await?;
    assert_eq!(world.log.load(&filter).await?.len(), 1);
    let files = world.files(Table::Steps).await?;
    let (full, actions) = (files.first().context("a file")?, files.last().context("a file")?);
    let kept = (2..6).map(|n| Recording::Actions.apply(Table::Steps, steps(n)?).map_err(Into::into));
    let kept = kept.collect::<Result<Vec<_>>>()?;
    let expected = write::steps(&kept.iter().collect::<Vec<_>>())?.context("rows")?;
    assert_eq!(world.store.get(&actions.blob.uri).await?, expected.bytes);
    assert_eq!((full.segments.last, actions.segments.first, actions.segments.last), (1, 2, 5));
    Ok(())
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
