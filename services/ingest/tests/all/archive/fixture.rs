//! A queue of trajectories with an archive to kill, and what it has to come to.

use super::sample::{self, Columns};
use crate::world::{PATIENCE, chrono_epoch, run};
use anyhow::{Context, Result, bail};
use contracts::commands::StartRun;
use contracts::events::{FileWritten, MessageDeadLettered, RecordingChanged, RunRequested, Split, Table};
use contracts::{CommandId, Envelope, Event, EventId, RunId, subjects};
use event_log::{
    Definitions, EventLog, EventLogConfig, ExpectedVersion, NewEvent, Queue, StreamName, TrajectoryMessage,
};
use ingest::archive::{self, Limits};
use serde_json::json;
use service_runtime::{Lifecycle, Metrics, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use test_support::{TestNats, wait_for};
use tokio::task::JoinHandle;
use trajectories::{ObjectStore, RecordBatch, Recording, SegmentHeader, layout, segment, store, write};

pub struct World {
    nats: TestNats,
    recording: Recording,
    pub log: EventLog,
    pub store: ObjectStore,
}

/// A running archive; dropping it is a kill.
pub struct Archive {
    lifecycle: Lifecycle,
    task: JoinHandle<Result<(), archive::Error>>,
}

/// Waits for more segments than a test ever sends.
pub const PATIENT: Limits = Limits {
    file_rows: usize::MAX,
    file_bytes: usize::MAX,
    idle: Duration::from_secs(600),
    age: Duration::from_secs(600),
    memory_bytes: usize::MAX,
};
/// Writes a file as soon as nothing comes any more.
pub const PROMPT: Limits = Limits { idle: Duration::from_millis(200), ..PATIENT };

impl World {
    /// A run `1` on 20 × 20 cells, with a queue that soon delivers again what a dead archive held.
    pub async fn start(budget: Option<u64>) -> Result<Self> {
        Self::recording(Recording::Full, budget).await
    }

    /// The same with a run that records otherwise.
    pub async fn recording(recording: Recording, budget: Option<u64>) -> Result<Self> {
        let nats = TestNats::start().await?;
        let log = EventLog::connect(EventLogConfig::new(nats.url(), "test")).await?;
        let second = json!(1_000_000_000_u64);
        log.ensure(&Definitions::embedded()?.with_queue_field(Queue::Trajectories, "ack_wait", second)).await?;
        let store = ObjectStore::local(&nats.directory().path().join("store"))?;
        let world = Self { nats, recording, log, store };
        world.request_run(run(1), budget).await?;
        Ok(world)
    }

    async fn request_run(&self, run_id: RunId, budget: Option<u64>) -> Result<()> {
        let start =
            StartRun { run_id: Some(run_id), total_timesteps: 1000, num_robots: Some(4), ..StartRun::default() };
        let mut config =
            domain::run_config::complete(&start, CommandId(run_id.0)).map_err(|r| anyhow::anyhow!("{r:?}"))?;
        config.recording.level = self.recording.level();
        if let Recording::Sampled(every) = self.recording {
            config.recording.sample_every = Some(every.get());
        }
        config.recording.budget_bytes = budget.unwrap_or(u64::MAX >> 12);
        let name = "archive".to_owned();
        let requested = RunRequested { run_id, name, config, parent_run_id: None, init_from: None, resume_from: None };
        let event = Event::RunRequested(Box::new(requested));
        let envelope = Envelope::for_event(&event, EventId(run_id.0), "ingest", chrono_epoch());
        self.log.append(&NewEvent::new(&event, envelope)?, &ExpectedVersion::Any).await?;
        Ok(())
    }

    pub fn archive(&self, limits: Limits) -> Archive {
        let lifecycle = Lifecycle::new();
        let (log, store) = (self.log.clone(), self.store.clone());
        let context = archive::Context::new(log, store, Arc::new(SystemClock), limits, &Metrics::new("test"));
        let task = tokio::spawn(archive::run(context, lifecycle.clone()));
        Archive { lifecycle, task }
    }

    /// Makes the store one that cannot be listed, or mends it.
    pub fn break_store(&self, broken: bool) -> Result<()> {
        let root = self.nats.directory().path().join("store").join(layout::ROOT);
        let changed = if broken { std::fs::write(root, "no folder") } else { std::fs::remove_file(root) };
        Ok(changed?)
    }

    /// Waits until the archive has handed a message back and got it again.
    pub async fn wait_until_put_off(&self) -> Result<()> {
        wait_for("a message delivered again", PATIENCE, async || {
            match self.log.consumer_status(Queue::Trajectories).await {
                Ok(status) if status.redelivered > 0 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// Publishes segments of training, `end` on the last.
    pub async fn train(&self, numbers: impl IntoIterator<Item = u64>, attempt: u32, end: Option<u64>) -> Result<()> {
        for number in numbers {
            let header =
                SegmentHeader { end: Some(number) == end, ..SegmentHeader::new("train", number, Recording::Full) };
            self.publish(Split::Train, &header, message(number)?, attempt).await?;
        }
        Ok(())
    }

    /// Publishes under an id of this attempt, so that the server itself drops no repetition.
    pub async fn publish(
        &self,
        split: Split,
        header: &SegmentHeader,
        payload: bytes::Bytes,
        attempt: u32,
    ) -> Result<()> {
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
    pub async fn claim(&self, producer: &str, first: u64, last: u64) -> Result<()> {
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

    pub async fn files(&self, table: Table) -> Result<Vec<FileWritten>> {
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

    pub async fn wait_until_settled(&self) -> Result<()> {
        wait_for("an empty trajectory queue", PATIENCE, async || {
            match self.log.stream_status(StreamName::Trajectories).await {
                Ok(status) if status.messages == 0 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// Waits until the archive holds `count` messages that it has not acknowledged.
    pub async fn wait_until_held(&self, count: u64) -> Result<()> {
        wait_for("messages in the archive's hands", PATIENCE, async || {
            match self.log.consumer_status(Queue::Trajectories).await {
                Ok(status) if status.in_progress == count => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// Waits until the server knows that a killed archive asks for nothing more: what it hands to nobody comes back when the
    /// others are archived.
    pub async fn wait_until_nobody_waits(&self) -> Result<()> {
        wait_for("an end of waiting", PATIENCE, async || match self.log.consumer_status(Queue::Trajectories).await {
            Ok(status) if status.waiting_workers == 0 => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    /// The change of the recording level, if there was one.
    pub async fn change(&self) -> Result<Option<RecordingChanged>> {
        let events = self.log.load(&subjects::event("archive", Some(run(1)), "recording_changed")).await?;
        anyhow::ensure!(events.len() <= 1, "the level changed {} times", events.len());
        let Some(recorded) = events.first() else { return Ok(None) };
        let Event::RecordingChanged(change) = recorded.event()? else { bail!("another event") };
        Ok(Some(change))
    }

    /// Every segment of training from 0 to `last` is in exactly one file, and each file is what its segments make at the
    /// level that the log says they have.
    pub async fn verify(&self, last: u64) -> Result<()> {
        let change = self.change().await?;
        let kept = |number: u64| -> Result<RecordBatch> {
            let changed = change.as_ref().is_some_and(|change| number >= change.segment);
            let rows = self.recording.apply(Table::Steps, steps(number)?)?;
            Ok(if changed { Recording::Actions.apply(Table::Steps, rows)? } else { rows })
        };
        let mut next = 0;
        for file in self.files(Table::Steps).await? {
            let range = &file.segments;
            anyhow::ensure!(range.first == next, "expected segment {next}, found {range:?}");
            next = range.last + 1;
            let rows: Vec<RecordBatch> = (range.first..=range.last).map(kept).collect::<Result<_>>()?;
            let expected = write::steps(&rows.iter().collect::<Vec<_>>())?.context("rows")?;
            let bytes = self.store.get(&file.blob.uri).await?;
            anyhow::ensure!(bytes == expected.bytes, "the rows of {range:?} differ");
            assert_eq!(file.blob.sha256, store::sha256(&bytes));
            assert_eq!((file.blob.bytes, file.blob.rows), (bytes.len() as u64, Some(expected.rows)));
            assert_eq!(file.first_episode.zip(file.last_episode), expected.episodes);
        }
        anyhow::ensure!(next == last + 1, "segments from {next} on are missing");
        Ok(())
    }

    /// Every file in the store is named by an event.
    pub async fn verify_no_orphans(&self) -> Result<()> {
        let mut known = Vec::new();
        for table in Table::ALL {
            known.extend(self.files(table).await?.into_iter().map(|file| file.blob.uri));
        }
        known.sort_unstable();
        assert_eq!(self.store.list(layout::ROOT).await?, known);
        Ok(())
    }

    pub async fn dead_letters(&self, count: usize) -> Result<Vec<MessageDeadLettered>> {
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
    pub async fn stop(mut self) -> Result<()> {
        self.lifecycle.shut_down();
        Ok((&mut self.task).await??)
    }

    /// Dies like a process that is killed: nothing is finished, nothing is acknowledged.
    pub async fn kill(mut self) -> Result<()> {
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

pub fn steps(number: u64) -> Result<RecordBatch> {
    Ok(Columns::segment(9, number, 4, 32, 4).batch()?)
}

pub fn message(number: u64) -> Result<bytes::Bytes> {
    let mut tables = vec![(Table::Steps, steps(number)?)];
    if number == 0 {
        tables.push((Table::Episodes, sample::episodes(0..4)?));
        tables.push((Table::Maps, sample::maps()?));
        tables.push((Table::WorldEvents, sample::world_events(0..4)?));
    }
    segment::encode(&tables)?.into_iter().next().context("one message")
}
