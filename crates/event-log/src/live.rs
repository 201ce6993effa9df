//! Live frames of a run: core NATS, not stored, lost when nobody listens.

use crate::connection::EventLog;
use crate::definitions::StreamName;
use crate::error::{Error, Result};
use async_nats::Subscriber;
use bytes::Bytes;
use contracts::{RunId, subjects};
use futures::stream::{Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Frames of one run as they are published.
pub struct LiveFrames {
    subscriber: Subscriber,
}

impl Stream for LiveFrames {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.subscriber.poll_next_unpin(context).map(|message| message.map(|message| message.payload))
    }
}

impl EventLog {
    /// Publishes a frame; returns before the server has it. The caller samples: at most 10 per second and run.
    pub async fn publish_live(&self, run: RunId, frame: Bytes) -> Result<()> {
        let published = self.inner.control.publish(subjects::live(run), frame).await;
        published.map_err(|error| Error::unavailable("live frame", error))
    }

    /// Every frame of `run` that is published after this returned; survives reconnects.
    pub async fn subscribe_live(&self, run: RunId) -> Result<LiveFrames> {
        let subscribed = self.inner.control.subscribe(subjects::live(run)).await;
        let subscriber = subscribed.map_err(|error| Error::unavailable("live frames", error))?;
        // A connection is served in order: once this is answered, the subscription stands.
        self.stream_status(StreamName::Events).await?;
        Ok(LiveFrames { subscriber })
    }
}
