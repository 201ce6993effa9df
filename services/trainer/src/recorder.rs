//! Training trajectories on their way to the archive.

use crate::Trainer;
use crate::error::{Error, Result};
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

/// Encodes records and publishes them in order, numbered across restarts.
pub struct Recorder {
    run: RunId,
    recording: Recording,
    /// Where segments are encoded and sent: only what training leaves of the processors.
    background: Handle,
    publisher: TrajectoryPublisher,
    next_segment: u64,
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
        Self { run, recording, background, publisher, next_segment, newest: None }
    }

    /// The number of the next segment.
    pub fn next_segment(&self) -> u64 {
        self.next_segment
    }

    /// Publishes one update's record and gives it back; waits while the archive is behind. `last` says that this trainer
    /// sends no more.
    pub async fn publish(&mut self, record: Box<RolloutRecord>, update: u64, last: bool) -> Result<Box<RolloutRecord>> {
        if self.recording == Recording::None {
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
        let messages = messages?;
        let count = messages.len();
        for (index, payload) in messages.into_iter().enumerate() {
            self.send(payload, last && index + 1 == count).await?;
        }
        Ok(record)
    }

    /// Waits until everything published so far is stored.
    pub async fn settle(&mut self) -> Result<()> {
        if let Some(newest) = self.newest.take() {
            let stopped = |_| event_log::Error::Unavailable {
                operation: "trajectory publisher".to_owned(),
                reason: "it has stopped".to_owned(),
            };
            newest.await.map_err(stopped).map_err(Error::from)?;
        }
        Ok(())
    }

    async fn send(&mut self, payload: bytes::Bytes, end: bool) -> Result<()> {
        let header = SegmentHeader { end, ..SegmentHeader::new(PRODUCER, self.next_segment, self.recording) };
        let subject = subjects::trajectory(self.run, Split::Train);
        let message = TrajectoryMessage::new(subject, header.to_headers(self.run, Split::Train), payload);
        self.newest = Some(self.publisher.publish_confirmed(message).await?);
        self.next_segment += 1;
        Ok(())
    }
}
