//! Sizes of streams and lag of consumers.

use crate::connection::EventLog;
use crate::definitions::{Queue, StreamName};
use crate::error::Result;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

/// A stream as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamStatus {
    /// When it was created: the identity of the log's history.
    pub created: DateTime<Utc>,
    pub messages: u64,
    pub bytes: u64,
    /// Bytes that it may have; `None` when unbounded.
    pub max_bytes: Option<u64>,
    pub first_sequence: u64,
    pub last_sequence: u64,
}

/// A work queue as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// Messages that nobody got yet.
    pub pending: u64,
    /// Messages that were handed out and not acknowledged yet.
    pub in_progress: u64,
    /// Of these, how many were handed out more than once.
    pub redelivered: u64,
    /// Workers that wait for a message.
    pub waiting_workers: u64,
}

#[derive(Deserialize)]
struct StreamInfo {
    created: DateTime<Utc>,
    state: StreamState,
    config: StreamBounds,
}

#[derive(Deserialize)]
struct StreamState {
    messages: u64,
    bytes: u64,
    first_seq: u64,
    last_seq: u64,
}

#[derive(Deserialize)]
struct StreamBounds {
    max_bytes: i64,
}

#[derive(Deserialize)]
struct ConsumerInfo {
    num_pending: u64,
    num_ack_pending: u64,
    num_redelivered: u64,
    num_waiting: u64,
}

impl EventLog {
    /// Size and identity of a stream.
    pub async fn stream_status(&self, stream: StreamName) -> Result<StreamStatus> {
        let info: StreamInfo = self.api(&format!("STREAM.INFO.{stream}"), &json!({})).await?;
        Ok(StreamStatus {
            created: info.created,
            messages: info.state.messages,
            bytes: info.state.bytes,
            max_bytes: u64::try_from(info.config.max_bytes).ok(),
            first_sequence: info.state.first_seq,
            last_sequence: info.state.last_seq,
        })
    }

    /// Backlog of a work queue.
    pub async fn consumer_status(&self, queue: Queue) -> Result<ConsumerStatus> {
        let call = format!("CONSUMER.INFO.{}.{queue}", queue.stream());
        let info: ConsumerInfo = self.api(&call, &json!({})).await?;
        Ok(ConsumerStatus {
            pending: info.num_pending,
            in_progress: info.num_ack_pending,
            redelivered: info.num_redelivered,
            waiting_workers: info.num_waiting,
        })
    }

    /// When the log was created: two logs with the same identity share their history.
    pub async fn stream_identity(&self) -> Result<DateTime<Utc>> {
        Ok(self.stream_status(StreamName::Events).await?.created)
    }

    /// The last sequence of the log; 0 when it is empty.
    pub async fn last_sequence(&self) -> Result<u64> {
        Ok(self.stream_status(StreamName::Events).await?.last_sequence)
    }
}
