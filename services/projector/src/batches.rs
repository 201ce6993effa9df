//! From the log's events to batches: decoding, and what to do with those that cannot be decoded.

use crate::config::OnPoison;
use crate::error::{Error, Result, chain};
use chrono::{DateTime, Utc};
use contracts::RecordedEvent;
use event_log::Error as LogError;
use futures::{Stream, StreamExt};
use read_models::{Batch, Fact, Poison, Position};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Events that one transaction writes at most.
pub const MAX_BATCH: usize = 5_000;

/// Events that the reader hands to the decoder at once, if so many are there.
const CHUNK: usize = 250;

/// The events of the log in batches. Reading, decoding and writing are three tasks, each busy while the next one is.
///
/// A batch is what has come meanwhile: nothing waits for a batch to fill.
pub(crate) struct Batches {
    batches: mpsc::Receiver<Batch>,
    /// Reading and decoding: dropped with this, they end.
    tasks: JoinSet<Result<()>>,
}

type Chunk = Vec<event_log::Result<RecordedEvent>>;

impl Batches {
    /// Begins to read `events`.
    pub(crate) fn of(
        events: impl Stream<Item = event_log::Result<RecordedEvent>> + Send + Unpin + 'static,
        decoder: Decoder,
    ) -> Self {
        let (read, chunks) = mpsc::channel(2);
        let (sender, batches) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(read_all(events, read));
        tasks.spawn(decode_all(chunks, decoder, sender));
        Self { batches, tasks }
    }

    /// The next batch; `None` when the events have ended.
    ///
    /// # Errors
    /// Of the log, and `Poison` unless it is to be skipped; after the batches that precede it.
    pub(crate) async fn next(&mut self) -> Result<Option<Batch>> {
        if let Some(batch) = self.batches.recv().await {
            return Ok(Some(batch));
        }
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(None)
    }
}

/// Hands on what is there, until the events end or nobody decodes them any more.
async fn read_all(
    events: impl Stream<Item = event_log::Result<RecordedEvent>> + Send + Unpin,
    sender: mpsc::Sender<Chunk>,
) -> Result<()> {
    let mut chunks = events.ready_chunks(CHUNK);
    while let Some(chunk) = chunks.next().await {
        if sender.send(chunk).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn decode_all(
    mut chunks: mpsc::Receiver<Chunk>,
    mut decoder: Decoder,
    sender: mpsc::Sender<Batch>,
) -> Result<()> {
    let ended = loop {
        tokio::select! {
            biased;
            chunk = chunks.recv(), if decoder.pending() + CHUNK <= MAX_BATCH => match chunk {
                Some(chunk) => if let Err(error) = chunk.into_iter().try_for_each(|event| decoder.push(event)) {
                    break Err(error);
                },
                None => break Ok(()),
            },
            permit = sender.reserve(), if decoder.pending() > 0 => match permit {
                Ok(permit) => permit.send(decoder.take()),
                // The writer has failed and says so itself.
                Err(_) => return Ok(()),
            },
        }
    };
    if decoder.pending() > 0 {
        // As above.
        let _ = sender.send(decoder.take()).await;
    }
    ended
}

/// Turns events into batches.
pub(crate) struct Decoder {
    on_poison: OnPoison,
    batch: Batch,
}

impl Decoder {
    /// For the events behind `after` of the log with this identity.
    pub(crate) fn new(stream_identity: String, after: u64, on_poison: OnPoison) -> Self {
        let end = Position { stream_identity, sequence: after, event_id: None, event_at: None };
        Self { on_poison, batch: Batch { after, facts: Vec::new(), poison: Vec::new(), end } }
    }

    fn pending(&self) -> usize {
        self.batch.facts.len() + self.batch.poison.len()
    }

    /// The batch so far; the next one begins behind it.
    fn take(&mut self) -> Batch {
        let end = self.batch.end.clone();
        let next = Batch { after: end.sequence, facts: Vec::new(), poison: Vec::new(), end };
        std::mem::replace(&mut self.batch, next)
    }

    fn push(&mut self, event: event_log::Result<RecordedEvent>) -> Result<()> {
        match event {
            Ok(recorded) => match recorded.event() {
                Ok(event) => {
                    let RecordedEvent { sequence, envelope, .. } = recorded;
                    self.advance(sequence, Some(envelope.id), Some(envelope.time));
                    self.batch.facts.push(Fact { sequence, envelope, event });
                    Ok(())
                }
                Err(error) => self.poison(Poison {
                    sequence: recorded.sequence,
                    subject: recorded.envelope.kind.clone(),
                    reason: chain(&error),
                    event_id: Some(recorded.envelope.id),
                    time: Some(recorded.envelope.time),
                }),
            },
            Err(LogError::Malformed { sequence, subject, reason }) => {
                self.poison(Poison { sequence, subject, reason, event_id: None, time: None })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn poison(&mut self, poison: Poison) -> Result<()> {
        let Poison { sequence, ref subject, ref reason, .. } = poison;
        if self.on_poison == OnPoison::Stop {
            return Err(Error::Poison { sequence, subject: subject.clone(), reason: reason.clone() });
        }
        tracing::error!(
            stream.sequence = sequence,
            "skipping an event ({subject}) that cannot be understood: {reason}"
        );
        self.advance(sequence, poison.event_id, poison.time);
        self.batch.poison.push(poison);
        Ok(())
    }

    fn advance(&mut self, sequence: u64, event_id: Option<Uuid>, event_at: Option<DateTime<Utc>>) {
        let end = &mut self.batch.end;
        (end.sequence, end.event_id, end.event_at) = (sequence, event_id, event_at);
    }
}
