//! Evaluation episodes on their way to the archive.

use crate::Evaluator;
use crate::error::Result;
use bytes::Bytes;
use contracts::events::Split;
use contracts::{RunId, subjects};
use event_log::TrajectoryMessage;
use trajectories::{Recording, SegmentHeader};

impl Evaluator {
    /// Publishes the segments of one producer, the last one marked as such; waits while the archive is behind.
    pub(crate) async fn record(&self, run: RunId, split: Split, producer: &str, segments: Vec<Bytes>) -> Result<()> {
        let last = segments.len().saturating_sub(1);
        for (number, payload) in segments.into_iter().enumerate() {
            let header = SegmentHeader::new(producer, number as u64, Recording::Full);
            let header = SegmentHeader { end: number == last, ..header };
            let subject = subjects::trajectory(run, split);
            let message = TrajectoryMessage::new(subject, header.to_headers(run, split), payload);
            self.log.publish_trajectory(&message).await?;
        }
        Ok(())
    }
}
