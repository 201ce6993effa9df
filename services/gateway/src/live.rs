//! What is going on in runs right now, for every client that watches.
//!
//! One channel per watched run follows its events and its live frames; it holds only the newest message of each kind, so
//! that a client that cannot keep up sees the present instead of a growing past, and one that comes late sees it at once.

mod messages;

pub use messages::{ConnectionAck, environment_update, progress, status};

use crate::error::Result;
use crate::routes::session::SessionStatus;
use axum::extract::ws::Utf8Bytes;
use contracts::{Event, RunId, subjects};
use event_log::{EventLog, ReadOptions};
use futures::StreamExt;
use read_models::ReadModels;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Pause before a channel that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The newest message of a kind as JSON, built once for all clients; none before the first.
pub type Newest = watch::Receiver<Option<Utf8Bytes>>;

/// Channels that somebody watches.
#[derive(Default)]
pub struct Hub {
    channels: Mutex<HashMap<RunId, Weak<Channel>>>,
}

/// The newest messages about one run; follows it until dropped.
pub struct Channel {
    pub status: watch::Sender<Option<Utf8Bytes>>,
    pub progress: watch::Sender<Option<Utf8Bytes>>,
    pub frame: watch::Sender<Option<Utf8Bytes>>,
    pub error: watch::Sender<Option<Utf8Bytes>>,
    /// Cancelled when the run is deleted: nothing more will come.
    pub deleted: CancellationToken,
    abandoned: CancellationToken,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.abandoned.cancel();
    }
}

impl Hub {
    /// The channel of a run, whose number clients know; it lives as long as somebody holds it.
    pub fn channel(&self, log: &EventLog, models: &ReadModels, run: RunId, number: i64) -> Arc<Channel> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&run).and_then(Weak::upgrade) {
            return channel;
        }
        channels.retain(|_, channel| channel.strong_count() > 0);
        let channel = Arc::new(Channel::new());
        channels.insert(run, Arc::downgrade(&channel));
        let follower =
            Follower { log: log.clone(), models: models.clone(), run, number, channel: Arc::downgrade(&channel) };
        let abandoned = channel.abandoned.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = abandoned.cancelled() => {}
                () = follower.follow() => {}
            }
        });
        channel
    }
}

impl Channel {
    fn new() -> Self {
        let sender = || watch::Sender::new(None);
        Self {
            status: sender(),
            progress: sender(),
            frame: sender(),
            error: sender(),
            deleted: CancellationToken::new(),
            abandoned: CancellationToken::new(),
        }
    }
}

/// Keeps a channel up to date; holds it weakly, so that it ends with the last client.
struct Follower {
    log: EventLog,
    models: ReadModels,
    run: RunId,
    number: i64,
    channel: Weak<Channel>,
}

impl Follower {
    async fn follow(&self) {
        tokio::join!(self.again(|| self.follow_events()), self.again(|| self.follow_frames()));
    }

    /// Repeats what ended, over restarts of both servers.
    async fn again<F: Future<Output = Result<()>>>(&self, attempt: impl Fn() -> F) {
        while self.channel.strong_count() > 0 {
            if let Err(error) = attempt().await {
                tracing::debug!(run.id = %self.run, "following a run again: {error}");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn follow_events(&self) -> Result<()> {
        // The tables may show more than this position: an event that is told twice changes nothing.
        let position = self.models.position().await?.map_or(0, |position| position.sequence);
        self.tell_present().await?;
        let filters = [subjects::run_lifecycle(self.run), format!("patrol.evt.training.{}.progressed", self.run)];
        let mut events = self.log.read(ReadOptions::follow(position + 1).filtered(filters));
        while let Some(recorded) = events.next_event().await? {
            match recorded.event() {
                Ok(event) => self.tell(recorded.sequence, recorded.envelope.time, &event),
                Err(error) => tracing::warn!(stream.sequence = recorded.sequence, "cannot read an event: {error}"),
            }
        }
        Ok(())
    }

    /// How the run stands according to the tables.
    async fn tell_present(&self) -> Result<()> {
        let found = self.models.run(self.run).await?;
        let metric = self.models.latest_metric(self.run).await?;
        let Some(channel) = self.channel.upgrade() else { return Ok(()) };
        // It was there when the first client came.
        let Some(run) = found else {
            channel.deleted.cancel();
            return Ok(());
        };
        let message = run.pending_action.as_deref().map(|action| format!("{action} was requested"));
        channel.status.send_replace(status(self.number, SessionStatus::of(&run), message.as_deref()));
        if let Some(metric) = metric {
            channel.progress.send_replace(progress(self.number, metric));
        }
        Ok(())
    }

    fn tell(&self, sequence: u64, time: chrono::DateTime<chrono::Utc>, event: &Event) {
        let Some(channel) = self.channel.upgrade() else { return };
        if let Event::TrainingProgressed(progressed) = event {
            channel.progress.send_replace(messages::progressed(self.number, sequence, time, progressed));
        }
        if let Event::RunDeleted(_) = event {
            channel.deleted.cancel();
        }
        if let Event::RunFailed(failed) = event {
            channel.error.send_replace(messages::failure(self.number, failed));
        }
        if let Some((new, message)) = messages::status_after(event) {
            channel.status.send_replace(status(self.number, new, message));
        }
    }

    async fn follow_frames(&self) -> Result<()> {
        let mut frames = self.log.subscribe_live(self.run).await?;
        while let Some(frame) = frames.next().await {
            let Some(channel) = self.channel.upgrade() else { return Ok(()) };
            match environment_update(self.number, &frame) {
                Ok(message) => drop(channel.frame.send_replace(Some(message))),
                Err(error) => tracing::warn!(run.id = %self.run, "cannot read a live frame: {error}"),
            }
        }
        Ok(())
    }
}
