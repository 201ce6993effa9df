//! Trajectory segments on their way to the archive, with back-pressure: a full stream slows its producers.

use crate::append::Appended;
use crate::backoff;
use crate::connection::EventLog;
use crate::error::{Error, Result};
use crate::publish::{Publication, Verdict};
use crate::record;
use async_nats::HeaderMap;
use bytes::Bytes;
use futures::future::try_join_all;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

/// One message of `PATROL_TRAJECTORIES`.
#[derive(Clone, Debug, PartialEq)]
pub struct TrajectoryMessage {
    /// `patrol.traj.<run_id>.<split>`.
    pub subject: String,
    /// `Nats-Msg-Id`: the same for the same segment, so that a repetition is stored once.
    pub id: String,
    /// Further headers: producer, segment number, recording level, …
    pub headers: Vec<(String, String)>,
    pub payload: Bytes,
}

impl TrajectoryMessage {
    /// A message of a segment whose `headers` hold its `Nats-Msg-Id` too; without one its id is empty.
    pub fn new(subject: String, headers: Vec<(&'static str, String)>, payload: Bytes) -> Self {
        let mut message = Self { subject, id: String::new(), headers: Vec::with_capacity(headers.len()), payload };
        for (name, value) in headers {
            match name {
                "Nats-Msg-Id" => message.id = value,
                _ => message.headers.push((name.to_owned(), value)),
            }
        }
        message
    }
}

impl EventLog {
    /// Publishes one segment; waits for as long as the stream is full or the server is away.
    ///
    /// # Errors
    /// Only what waiting cannot cure: `TooLarge`, `Refused`, `Missing`, `Rejected`.
    pub async fn publish_trajectory(&self, message: &TrajectoryMessage) -> Result<Appended> {
        let publication = publication(message)?;
        let mut attempts = 0;
        loop {
            let published = self.retrying(|| self.publish_once(&self.inner.bulk, publication.clone())).await;
            match published {
                Ok(Verdict::Stored { sequence, duplicate }) => {
                    if attempts > 0 {
                        tracing::info!(attempts, "the trajectory stream takes segments again");
                    }
                    return Ok(Appended { sequence, duplicate });
                }
                Ok(verdict) => return Err(unexpected(verdict)),
                Err(error) if error.is_retryable() => {
                    if attempts == 0 {
                        tracing::warn!("waiting to publish a segment: {error}");
                    }
                    backoff::wait(attempts).await;
                    attempts += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Segments that are on their way at a time: each time that the server is woken costs it more than some of them do.
const BURST: usize = 16;

/// Publishes segments from a task of its own, so that a producer is slowed only when the buffer is full. They arrive in order,
/// but for those that a full stream or a lost connection held up, which come as soon as they can.
pub struct TrajectoryPublisher {
    queue: mpsc::UnboundedSender<Queued>,
    /// Free bytes of the buffer.
    room: Arc<Semaphore>,
    capacity: u32,
    task: JoinHandle<Result<()>>,
}

struct Queued {
    message: TrajectoryMessage,
    bytes: u32,
    acknowledged: Option<oneshot::Sender<()>>,
}

impl TrajectoryPublisher {
    /// A publisher whose buffer holds `capacity` bytes; must be called within a tokio runtime.
    pub fn new(log: EventLog, capacity: u32) -> Self {
        let capacity = capacity.max(1);
        let (queue, messages) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(capacity as usize));
        let task = tokio::spawn(run(log, messages, room.clone()));
        Self { queue, room, capacity, task }
    }

    /// Takes a segment over; waits while the buffer is full.
    ///
    /// # Errors
    /// `Unavailable` when publishing has failed for good; [`TrajectoryPublisher::close`] says why.
    pub async fn publish(&self, message: TrajectoryMessage) -> Result<()> {
        self.enqueue(message, None).await
    }

    /// As [`TrajectoryPublisher::publish`]; the receiver completes when the segment, and so every one before it, is stored.
    pub async fn publish_confirmed(&self, message: TrajectoryMessage) -> Result<oneshot::Receiver<()>> {
        let (acknowledged, confirmation) = oneshot::channel();
        self.enqueue(message, Some(acknowledged)).await?;
        Ok(confirmation)
    }

    /// Bytes that wait to be stored.
    pub fn backlog(&self) -> usize {
        (self.capacity as usize).saturating_sub(self.room.available_permits())
    }

    /// Waits until every segment is stored.
    pub async fn close(self) -> Result<()> {
        drop(self.queue);
        self.task.await.map_err(|error| Error::unavailable("trajectory publisher", error))?
    }

    async fn enqueue(&self, message: TrajectoryMessage, acknowledged: Option<oneshot::Sender<()>>) -> Result<()> {
        let stopped = |_| Error::unavailable("trajectory publisher", "it has stopped");
        let bytes = u32::try_from(message.payload.len()).unwrap_or(u32::MAX).clamp(1, self.capacity);
        let room = self.room.acquire_many(bytes).await.map_err(|_| stopped(()))?;
        self.queue.send(Queued { message, bytes, acknowledged }).map_err(|_| stopped(()))?;
        // The publishing task gives the room back.
        room.forget();
        Ok(())
    }
}

async fn run(log: EventLog, mut messages: mpsc::UnboundedReceiver<Queued>, room: Arc<Semaphore>) -> Result<()> {
    let mut burst = Vec::new();
    while messages.recv_many(&mut burst, BURST).await > 0 {
        let published = try_join_all(burst.iter().map(|queued| log.publish_trajectory(&queued.message))).await;
        if let Err(error) = published {
            room.close();
            return Err(error);
        }
        for queued in burst.drain(..) {
            room.add_permits(queued.bytes as usize);
            if let Some(acknowledged) = queued.acknowledged {
                // A producer that no longer waits is fine.
                let _ = acknowledged.send(());
            }
        }
    }
    Ok(())
}

fn publication(message: &TrajectoryMessage) -> Result<Publication> {
    let mut headers = HeaderMap::new();
    record::insert(&mut headers, "Nats-Msg-Id", &message.id)?;
    for (name, value) in &message.headers {
        record::insert(&mut headers, name, value)?;
    }
    Ok(Publication { subject: message.subject.clone(), headers, payload: message.payload.clone() })
}

fn unexpected(verdict: Verdict) -> Error {
    Error::unavailable("trajectory segment", format!("unexpected answer {verdict:?}"))
}
