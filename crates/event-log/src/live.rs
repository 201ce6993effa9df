//! Live frames of a run: core NATS, not stored, lost when nobody listens.

use crate::connection::EventLog;
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

    /// Frames of `run` from now on; survives reconnects.
    pub async fn subscribe_live(&self, run: RunId) -> Result<LiveFrames> {
        let subscribed = self.inner.control.subscribe(subjects::live(run)).await;
        let subscriber = subscribed.map_err(|error| Error::unavailable("live frames", error))?;
        self.flush().await?;
        Ok(LiveFrames { subscriber })
    }
}
