//! Replay of the log in order, and its live tail.
//!
//! An ephemeral consumer without acknowledgements delivers the events; whenever anything about it fails (a gap, a missed
//! heartbeat, a restarted server) it is created anew behind the last event that was handed out. async-nats has an ordered
//! consumer of its own, but that one begins again at the first message of the stream when it has to be created anew before
//! it delivered anything, and notices a restarted server only by its missing heartbeats.

use crate::backoff;
use crate::connection::EventLog;
use crate::definitions::StreamName;
use crate::error::{Error, Result};
use crate::publish::consumer_error;
use crate::record::{self, Position};
use async_nats::jetstream::{self, consumer::AckPolicy, consumer::DeliverPolicy, consumer::pull};
use chrono::{DateTime, Utc};
use contracts::RecordedEvent;
use futures::stream::{BoxStream, Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;

/// Messages asked for at once: enough to keep the pipe full, small enough to bound memory.
const PULL: usize = 1000;
/// The server tells this often that it is still there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often the log is looked at before it is believed that events are lost: a new leader may need a moment to know them all.
const LOOKS: u32 = 5;
/// Every subject of the log.
const ALL_EVENTS: &str = "patrol.evt.>";
/// The server forgets a reader that vanished after this time, and sooner one that ends by itself: it allows a thousand.
const INACTIVE: Duration = Duration::from_secs(60);
const INACTIVE_AT_THE_END: Duration = Duration::from_secs(10);

/// Which events to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// First sequence to read; 0 and 1 are the beginning.
    pub from: u64,
    pub end: ReadEnd,
    /// Subjects to read; all when empty.
    pub filters: Vec<String>,
}

/// Where reading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadEnd {
    /// Never: the reader waits for new events.
    Never,
    /// At the last of the events to read that the log has when reading begins.
    Current,
    /// At this sequence, or at the current end if that comes first.
    Sequence(u64),
}

impl ReadOptions {
    /// Everything from `from` on, for ever.
    pub fn follow(from: u64) -> Self {
        Self { from, end: ReadEnd::Never, filters: Vec::new() }
    }

    /// Everything from `from` to the current end.
    pub fn until_now(from: u64) -> Self {
        Self { from, end: ReadEnd::Current, filters: Vec::new() }
    }

    /// The same on some subjects only.
    pub fn filtered(mut self, filters: impl IntoIterator<Item = String>) -> Self {
        self.filters.extend(filters);
        self
    }
}

/// A stream of recorded events in the order of the log, each exactly once.
///
/// `Error::Malformed` stands for one message that is not an event: reading goes on behind it. Any other error ends the
/// stream. Outages do not: the reader waits for the server and resumes. Use
/// [`StreamExt::ready_chunks`] to take what is there without waiting for more.
pub struct EventReader {
    events: BoxStream<'static, Result<RecordedEvent>>,
}

impl EventReader {
    pub(crate) fn of(events: impl Stream<Item = Result<RecordedEvent>> + Send + 'static) -> Self {
        Self { events: events.boxed() }
    }

    /// The next event; messages that are none are passed over.
    ///
    /// # Errors
    /// Everything else that ends the stream.
    pub async fn next_event(&mut self) -> Result<Option<RecordedEvent>> {
        loop {
            match self.next().await {
                Some(Err(Error::Malformed { .. })) => {}
                read => return read.transpose(),
            }
        }
    }
}

impl Stream for EventReader {
    type Item = Result<RecordedEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.poll_next_unpin(context)
    }
}

impl EventLog {
    /// Reads the log as `options` say. Nothing is asked of the server before the stream is polled.
    pub fn read(&self, options: ReadOptions) -> EventReader {
        let cursor = Cursor {
            log: self.clone(),
            next: options.from.max(1),
            options,
            last: None,
            identity: None,
            messages: None,
            connects: self.watch_connects(),
            delivered: 0,
            failures: 0,
            ended: false,
        };
        EventReader::of(futures::stream::unfold(cursor, Cursor::step))
    }
}

struct Cursor {
    log: EventLog,
    options: ReadOptions,
    /// The lowest sequence that was not handed out yet.
    next: u64,
    /// The last sequence to hand out, known once reading began.
    last: Option<u64>,
    /// Creation time of the stream that reading began on.
    identity: Option<DateTime<Utc>>,
    messages: Option<pull::Stream>,
    /// The consumer may be gone after a reconnect; waiting for its missed heartbeats would take long.
    connects: watch::Receiver<u64>,
    /// Messages delivered by the current consumer, to notice gaps.
    delivered: u64,
    failures: u32,
    ended: bool,
}

enum Outcome {
    Event(Result<RecordedEvent>),
    /// A replica that lags behind begins at its end, before what was asked for.
    Known,
    Broken(String),
    End,
}

impl Cursor {
    async fn step(mut self) -> Option<(Result<RecordedEvent>, Self)> {
        while !self.ended {
            if self.messages.is_none()
                && let Err(error) = self.open().await
            {
                if !error.is_retryable() {
                    self.ended = true;
                    return Some((Err(error), self));
                }
                self.wait(&error.to_string()).await;
                continue;
            }
            match self.advance().await {
                Outcome::Event(event) => {
                    self.failures = 0;
                    return Some((event, self));
                }
                Outcome::Known => {}
                Outcome::Broken(reason) => self.wait(&reason).await,
                Outcome::End => self.ended = true,
            }
        }
        None
    }

    async fn wait(&mut self, reason: &str) {
        tracing::debug!(stream.sequence = self.next, "reading the log again: {reason}");
        self.messages = None;
        backoff::wait(self.failures).await;
        self.failures += 1;
    }

    /// Begins or resumes reading at `next`.
    async fn open(&mut self) -> Result<()> {
        self.connects.mark_unchanged();
        self.check_history().await?;
        if self.last.is_some_and(|last| last < self.next) {
            self.ended = true;
            return Ok(());
        }
        let consumer = self.create_consumer().await?;
        let messages = consumer.stream().max_messages_per_batch(PULL).heartbeat(HEARTBEAT).messages().await;
        self.messages = Some(messages.map_err(|error| Error::unavailable("reading the log", error))?);
        self.delivered = 0;
        Ok(())
    }

    /// A log that is younger or shorter than what was already read is another log.
    async fn check_history(&mut self) -> Result<()> {
        let status = self.log.stream_status(StreamName::Events).await?;
        let changed = |reason: &str| Error::HistoryChanged { position: self.next - 1, reason: reason.to_owned() };
        let Some(created) = self.identity else {
            self.last = self.find_end().await?;
            self.identity = Some(status.created);
            return Ok(());
        };
        if created != status.created {
            return Err(changed("the stream was created anew"));
        }
        if !self.options.filters.is_empty() || status.last_sequence + 1 >= self.next {
            Ok(())
        } else if self.failures < LOOKS {
            Err(Error::unavailable("reading the log", "it is shorter than before"))
        } else {
            Err(changed("the server lost events that were already read"))
        }
    }

    /// The last event to read, 0 without any. As the leader knows it: the replica that reads may lag behind, and would report too
    /// early that nothing is pending.
    async fn find_end(&self) -> Result<Option<u64>> {
        let end = match self.options.end {
            ReadEnd::Never => return Ok(None),
            ReadEnd::Current => u64::MAX,
            ReadEnd::Sequence(end) => end,
        };
        let mut last = 0;
        let all = [ALL_EVENTS.to_owned()];
        let filters = if self.options.filters.is_empty() { &all[..] } else { &self.options.filters };
        for filter in filters {
            last = last.max(self.log.last_sequence_of(filter).await?);
        }
        Ok(Some(last.min(end)))
    }

    async fn create_consumer(&self) -> Result<jetstream::consumer::Consumer<pull::Config>> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.next },
            ack_policy: AckPolicy::None,
            filter_subjects: self.options.filters.clone(),
            inactive_threshold: if self.last.is_some() { INACTIVE_AT_THE_END } else { INACTIVE },
            memory_storage: true,
            num_replicas: 1,
            ..Default::default()
        };
        let context = jetstream::new(self.log.inner.bulk.clone());
        let subject = format!("$JS.API.CONSUMER.CREATE.{}", StreamName::Events);
        let mut refusals = self.log.watch_refusals();
        tokio::select! {
            created = context.create_consumer_on_stream(config, StreamName::Events.as_str()) => {
                created.map_err(|error| consumer_error("reading the log", &error))
            }
            refusal = refusals.of(&subject) => Err(refusal),
            () = self.log.answer_lost() => Err(Error::unavailable("reading the log", "the connection was lost")),
        }
    }

    async fn advance(&mut self) -> Outcome {
        if self.ended {
            return Outcome::End;
        }
        let Some(messages) = &mut self.messages else { return Outcome::Broken("not open".into()) };
        let message = tokio::select! {
            biased;
            message = messages.next() => message,
            _ = self.connects.changed() => return Outcome::Broken("reconnected".into()),
        };
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Outcome::Broken(error.to_string()),
            None => return Outcome::Broken("the consumer ended".into()),
        };
        let info = match message.info() {
            Ok(info) => info,
            Err(error) => return Outcome::Broken(error.to_string()),
        };
        if info.consumer_sequence != self.delivered + 1 {
            return Outcome::Broken(format!("gap behind delivery {}", self.delivered));
        }
        self.delivered += 1;
        let sequence = info.stream_sequence;
        if sequence < self.next {
            return Outcome::Known;
        }
        if let Some(last) = self.last {
            self.ended = sequence >= last;
            if sequence > last {
                return Outcome::End;
            }
        }
        self.next = sequence + 1;
        let position = Position { sequence, subject: &message.subject, recorded_at: info.published };
        Outcome::Event(record::decode(position, message.headers.as_ref(), &message.payload))
    }
}
