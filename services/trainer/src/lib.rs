//! The trainer service: takes runs, one at a time, and trains them to their end, a pause or a stop.
//!
//! Trainers compete for `run.requested` and `run.resumed`. The message is kept alive while its run is trained and is
//! acknowledged only when the run has ended, paused or was lost to another trainer; if this process dies, the message is
//! delivered again and another trainer goes on from the last checkpoint.

pub mod actor;
pub mod claim;
mod computation;
mod config;
mod engine;
mod error;
mod fence;
mod identity;
mod judge;
mod metrics;
mod order;
mod progress;
mod recorder;
mod remote;
pub mod replay;
mod session;
mod start;

pub use config::Config;
pub use error::Error;
pub use identity::Identity;
pub use replay::replay;

use error::Result;
use event_log::{Delivery, EventLog, Queue};
use metrics::TrainerMetrics;
use service_runtime::{Background, Clock, Health, IdSource, Lifecycle, Metrics};
use std::sync::Arc;
use std::time::Duration;
use trajectories::ObjectStore;

/// How long one pull waits for a run before it looks at the shutdown signal again.
const PULL_WAIT: Duration = Duration::from_secs(5);
/// How soon a run that could not be trained here is offered again: first, and at most after doubling each time.
const RETRY_DELAY: Duration = Duration::from_secs(5);
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(300);

/// What the service needs from outside: time, ids, health and metrics.
#[derive(Clone)]
pub struct Surroundings {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub health: Health,
    pub metrics: Metrics,
}

/// A connected trainer.
struct Trainer {
    config: Config,
    log: EventLog,
    /// For what is recorded: behind everything else, so that it never stops a training thread.
    background: Background,
    /// A connection that works there.
    recording_log: EventLog,
    store: ObjectStore,
    identity: Identity,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    metrics: TrainerMetrics,
}

/// Trains runs until the lifecycle drains; a run in progress is then saved and offered to the next trainer.
///
/// # Errors
/// When the log or the object store cannot be reached at the start, or refuses this service.
pub async fn run(config: Config, surroundings: Surroundings, lifecycle: Lifecycle) -> Result<()> {
    let Surroundings { clock, ids, health, metrics } = surroundings;
    health.expect("trainer");
    let log = EventLog::connect(config.event_log.clone()).await?;
    let background = Background::start("recorder").map_err(Error::Threads)?;
    let recording_log = background.spawn(EventLog::connect(config.event_log.clone())).await??;
    let store = ObjectStore::open(&config.store_url)?;
    let identity = Identity::of_this_process(ids.as_ref()).await?;
    let queue = log.work_queue(Queue::Runs).await?;
    let metrics = TrainerMetrics::new(&metrics);
    let trainer = Trainer { config, log, background, recording_log, store, identity, clock, ids, metrics };
    health.ready("trainer", format!("waiting for runs as {}", trainer.identity.trainer_id));
    let draining = lifecycle.draining();
    while !draining.is_cancelled() {
        let pulled = tokio::select! {
            pulled = queue.pull(1, PULL_WAIT) => pulled?,
            () = draining.cancelled() => break,
        };
        for delivery in pulled {
            trainer.take(delivery, &lifecycle).await?;
        }
    }
    trainer.log.flush().await?;
    Ok(())
}

impl Trainer {
    /// Trains the run that `delivery` names, then settles the delivery.
    async fn take(&self, delivery: Delivery, lifecycle: &Lifecycle) -> Result<()> {
        let event = match delivery.recorded_event().map(|recorded| (recorded.event(), recorded.envelope)) {
            Ok((Ok(event), envelope)) => Some((event, envelope)),
            Ok((Err(error), _)) => {
                tracing::error!(stream.sequence = delivery.sequence, "cannot read a run's event: {error}");
                None
            }
            Err(error) => {
                tracing::error!(stream.sequence = delivery.sequence, "cannot read a run's event: {error}");
                None
            }
        };
        let Some((Some(run), cause)) = event.map(|(event, envelope)| (event.run_id(), envelope)) else {
            return Ok(delivery.receipt.term("not an event of a run").await?);
        };
        let heartbeat = delivery.receipt.keep_alive();
        let ended = session::train(self, run, cause, lifecycle).await;
        drop(heartbeat);
        match ended {
            Ok(session::Ended::Settled) => delivery.receipt.ack().await?,
            Ok(session::Ended::HandedOver) => delivery.receipt.nak(Duration::ZERO).await?,
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                tracing::warn!(run.id = %run, "letting go of a run, to be tried again: {}", chain(&error));
                delivery.receipt.nak(retry_delay(delivery.attempts)).await?;
            }
        }
        Ok(())
    }
}

/// Doubles with every delivery.
fn retry_delay(attempts: u64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    RETRY_DELAY.saturating_mul(1 << doublings).min(LONGEST_RETRY_DELAY)
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
