//! Training trajectories on their way to the archive.

use crate::Trainer;
use crate::error::{Error, Result};
use bytes::Bytes;
use contracts::config::RunConfig;
use contracts::events::Split;
use contracts::{RunId, subjects};
use event_log::{TrajectoryMessage, TrajectoryPublisher};
use experiments::EpisodeOrigin;
use learner::RolloutRecord;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use trajectories::{Recording, SegmentHeader};

/// Names the segments of training episodes.
const PRODUCER: &str = "train";
/// Bytes that may wait for the server before training waits too.
const BUFFER: u32 = 16 * 1024 * 1024;
/// Bytes that are sent together: each time that the server is woken costs it, and whoever has the processor, more than the
/// bytes of one update do.
const BURST: usize = 4 * 1024 * 1024;

/// Encodes records and publishes them in order, numbered across restarts.
pub struct Recorder {
    run: RunId,
    recording: Recording,
    /// Where segments are encoded and sent: only what training leaves of the processors.
    background: Handle,
    publisher: TrajectoryPublisher,
    next_segment: u64,
    /// Encoded segments that wait for the next burst.
    held: Vec<Bytes>,
    /// Completes when the newest segment, and so every one before it, is stored.
    newest: Option<oneshot::Receiver<()>>,
}

impl Recorder {
    pub fn new(trainer: &Trainer, run: RunId, config: &RunConfig, next_segment: u64) -> Self {
        let recording = Recording::of(&config.recording);
        let background = trainer.background.handle().clone();
        let publisher = {
            let _there = background.enter();
            TrajectoryPublisher::new(trainer.recording_log.clone(), BUFFER)
        };
        Self { run, recording, background, publisher, next_segment, held: Vec::new(), newest: None }
    }

    /// Whether steps are sent at all.
    pub fn records_steps(&self) -> bool {
        self.recording != Recording::None
    }

    /// The number of the next segment.
    pub fn next_segment(&self) -> u64 {
        self.next_segment
    }

    /// Publishes one update's record, sooner or later, and gives it back; waits while the archive is behind. `last` says that
    /// this trainer sends no more.
    pub async fn publish(&mut self, record: Box<RolloutRecord>, update: u64, last: bool) -> Result<Box<RolloutRecord>> {
        if !self.records_steps() {
            return Ok(record);
        }
        let recording = self.recording;
        let encoding = self.background.spawn_blocking(move || {
            let policy_version = Some(u32::try_from(update).unwrap_or(u32::MAX));
            let origin = EpisodeOrigin { agent: "policy", checkpoint_id: None, policy_version, has_estimates: true };
            let messages = experiments::segments(&record, &origin, recording);
            (record, messages)
        });
        let (record, messages) = encoding.await?;
        self.held.extend(messages?);
        if last || self.held.iter().map(Bytes::len).sum::<usize>() >= BURST {
            self.send(last).await?;
        }
        Ok(record)
    }

    /// Waits until everything published so far is stored.
    pub async fn settle(&mut self) -> Result<()> {
        self.send(false).await?;
        if let Some(newest) = self.newest.take() {
            let stopped = |_| event_log::Error::Unavailable {
                operation: "trajectory publisher".to_owned(),
                reason: "it has stopped".to_owned(),
            };
            newest.await.map_err(stopped).map_err(Error::from)?;
        }
        Ok(())
    }

    /// Sends what is held; `last` marks the end of what this trainer records.
    async fn send(&mut self, last: bool) -> Result<()> {
        let count = self.held.len();
        for (index, payload) in std::mem::take(&mut self.held).into_iter().enumerate() {
            let end = last && index + 1 == count;
            let header = SegmentHeader { end, ..SegmentHeader::new(PRODUCER, self.next_segment, self.recording) };
            let subject = subjects::trajectory(self.run, Split::Train);
            let message = TrajectoryMessage::new(subject, header.to_headers(self.run, Split::Train), payload);
            self.newest = Some(self.publisher.publish_confirmed(message).await?);
            self.next_segment += 1;
        }
        Ok(())
    }
}
