//! What recording every training step costs, in processor time.
//!
//! Recorded rollouts take the way that the trainer sends them: encoded, published, stored by nats-server, validated,
//! sorted, written as Parquet, made durable, acknowledged. The time of all processes on that way, and what the record
//! itself costs the learner, are set against the time of training alone.

use super::processor;
use crate::client::Client;
use crate::failure::Failure;
use anyhow::{Context, anyhow};
use contracts::events::Split;
use contracts::{RunConfig, RunId, subjects};
use event_log::{StreamName, TrajectoryMessage, TrajectoryPublisher};
use experiments::EpisodeOrigin;
use learner::{Learner, RolloutRecord};
use std::time::{Duration, Instant};
use trajectories::{Recording, SegmentHeader};

/// Robot-steps recorded: several files of the archive.
const ROWS: usize = 1_000_000;
/// Records that wait before they are sent: bounds memory.
const AT_ONCE: usize = 16;
/// Bytes that may wait for the server, as the trainer has it.
const BUFFER: u32 = 16 << 20;
const ARCHIVED_WITHIN: Duration = Duration::from_secs(60);
const ORIGIN: EpisodeOrigin<'static> =
    EpisodeOrigin { agent: "policy", checkpoint_id: None, policy_version: Some(1), has_estimates: true };

/// Nanoseconds of processor time per robot-step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Training without a record.
    pub training: f64,
    /// What writing the record adds to it.
    pub record: f64,
    /// From the record to an acknowledged file.
    pub archive: f64,
}

impl Cost {
    /// Of training with a recording, how much is recording.
    pub fn share(&self) -> f64 {
        let recording = self.record.max(0.0) + self.archive;
        recording / (self.training + recording)
    }
}

/// Trains with and without a record in turn, and sends the records to the archive of `run`, which has ended.
pub async fn cost(client: &Client, run: RunId, config: &RunConfig) -> Result<Cost, Failure> {
    let mut learner = endless_learner(config)?;
    let mut producer = Producer::new(client, run);
    let (mut plain, mut recorded, mut archive) = (Spent::default(), Spent::default(), Duration::ZERO);
    while recorded.rows < ROWS as f64 {
        let mut records = Vec::with_capacity(AT_ONCE);
        for _ in 0..AT_ONCE {
            plain.add(|| Ok(learner.update(None)?.rollout_steps))?;
        }
        let began = processor::spent()?;
        for _ in 0..AT_ONCE {
            let mut record = RolloutRecord::default();
            recorded.rows += learner.update(Some(&mut record))?.rollout_steps as f64;
            records.push(record);
        }
        let sending = processor::spent()?;
        recorded.time += sending.saturating_sub(began);
        producer.send(records, recorded.rows >= ROWS as f64).await?;
        archive += processor::spent()?.saturating_sub(sending);
    }
    let settling = processor::spent()?;
    producer.settle().await?;
    archive += processor::spent()?.saturating_sub(settling);
    let training = plain.nanoseconds_per_row();
    Ok(Cost {
        training,
        record: recorded.nanoseconds_per_row() - training,
        archive: archive.as_nanos() as f64 / recorded.rows,
    })
}

#[derive(Default)]
struct Spent {
    time: Duration,
    rows: f64,
}

impl Spent {
    fn add(&mut self, work: impl FnOnce() -> Result<u64, Failure>) -> Result<(), Failure> {
        let began = processor::spent()?;
        self.rows += work()? as f64;
        self.time += processor::spent()?.saturating_sub(began);
        Ok(())
    }

    fn nanoseconds_per_row(&self) -> f64 {
        self.time.as_nanos() as f64 / self.rows
    }
}

/// Two rollouts for each one that is recorded, and some to spare.
fn endless_learner(config: &RunConfig) -> Result<Learner, Failure> {
    let mut config = config.clone();
    config.learning.total_timesteps = 4 * ROWS as u64;
    let world = experiments::world_config(&config.world)?;
    Ok(Learner::new(world, experiments::ppo_config(&config)?, config.seed, 0)?)
}

/// Sends as a trainer does, but as an external producer: the run's own segments are numbered by its trainer.
struct Producer<'a> {
    client: &'a Client,
    run: RunId,
    publisher: TrajectoryPublisher,
    next: u64,
}

impl<'a> Producer<'a> {
    fn new(client: &'a Client, run: RunId) -> Self {
        let publisher = TrajectoryPublisher::new(client.log.clone(), BUFFER);
        Self { client, run, publisher, next: 0 }
    }

    async fn send(&mut self, records: Vec<RolloutRecord>, last: bool) -> Result<(), Failure> {
        let mut messages = Vec::new();
        for record in records {
            messages.extend(experiments::segments(&record, &ORIGIN, Recording::Full)?);
        }
        let count = messages.len();
        for (index, payload) in messages.into_iter().enumerate() {
            let end = last && index + 1 == count;
            let header = SegmentHeader { end, ..SegmentHeader::new("bench", self.next, Recording::Full) };
            let subject = subjects::trajectory(self.run, Split::External);
            let headers = header.to_headers(self.run, Split::External);
            self.publisher.publish(TrajectoryMessage::new(subject, headers, payload)).await?;
            self.next += 1;
        }
        Ok(())
    }

    /// Waits until every segment is in a durable file.
    async fn settle(self) -> Result<(), Failure> {
        self.publisher.close().await?;
        let began = Instant::now();
        loop {
            let status = self.client.log.stream_status(StreamName::Trajectories).await;
            if status.context("the trajectory stream")?.messages == 0 {
                return Ok(());
            }
            if began.elapsed() > ARCHIVED_WITHIN {
                return Err(anyhow!("the archive did not take every segment").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
