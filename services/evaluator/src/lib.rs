//! The evaluator service: plays every checkpoint, and once per world the scripted agents, on held-out seeds.
//!
//! When it falls behind it evaluates only a run's newest checkpoint, and always its last. A checkpoint is acknowledged
//! when its evaluation is in the log.

mod baselines;
mod config;
mod contest;
mod error;
mod evaluation;
mod handlers;
mod metrics;
mod recorder;

pub use config::Config;
pub use error::Error;

use contracts::{Envelope, Event};
use error::Result;
use event_log::{Delivery, EventLog, Queue};
use metrics::EvaluatorMetrics;
use service_runtime::{Clock, Health, Lifecycle, Metrics};
use std::sync::Arc;
use std::time::Duration;
use trajectories::ObjectStore;

/// How long one pull waits for work before it looks at the shutdown signal again.
const PULL_WAIT: Duration = Duration::from_secs(5);
/// How soon an evaluation that failed for a reason that may pass is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// What the service needs from outside.
#[derive(Clone)]
pub struct Surroundings {
    pub clock: Arc<dyn Clock>,
    pub health: Health,
    pub metrics: Metrics,
}

/// A connected evaluator.
struct Evaluator {
    log: EventLog,
    store: ObjectStore,
    clock: Arc<dyn Clock>,
    metrics: EvaluatorMetrics,
}

/// Evaluates until the lifecycle drains.
///
/// # Errors
/// When the log or the object store cannot be reached at the start, or refuses this service.
pub async fn run(config: Config, surroundings: Surroundings, lifecycle: Lifecycle) -> Result<()> {
    let Surroundings { clock, health, metrics } = surroundings;
    health.expect("evaluator");
    let log = EventLog::connect(config.event_log).await?;
    let store = ObjectStore::open(&config.store_url)?;
    let queue = log.work_queue(Queue::Checkpoints).await?;
    let evaluator = Evaluator { log, store, clock, metrics: EvaluatorMetrics::new(&metrics) };
    health.ready("evaluator", "waiting for checkpoints");
    let draining = lifecycle.draining();
    while !draining.is_cancelled() {
        let pulled = tokio::select! {
            pulled = queue.pull(1, PULL_WAIT) => pulled?,
            () = draining.cancelled() => break,
        };
        for delivery in pulled {
            // An evaluation is short, but a shutdown does not wait for it: the delivery is then offered again.
            tokio::select! {
                taken = evaluator.take(&delivery) => taken?,
                () = draining.cancelled() => delivery.receipt.nak(Duration::ZERO).await?,
            }
        }
    }
    evaluator.log.flush().await?;
    Ok(())
}

impl Evaluator {
    async fn take(&self, delivery: &Delivery) -> Result<()> {
        let heartbeat = delivery.receipt.keep_alive();
        let handled = self.handle(delivery).await;
        drop(heartbeat);
        match handled {
            Ok(()) => Ok(delivery.receipt.ack().await?),
            Err(error) if error.is_fatal() => Err(error),
            Err(error) if error.may_pass() => {
                tracing::warn!(stream.sequence = delivery.sequence, "evaluation to be tried again: {}", chain(&error));
                Ok(delivery.receipt.nak(RETRY_DELAY).await?)
            }
            Err(error) => {
                tracing::error!(stream.sequence = delivery.sequence, "cannot evaluate: {}", chain(&error));
                Ok(delivery.receipt.term(&error.to_string()).await?)
            }
        }
    }

    async fn handle(&self, delivery: &Delivery) -> Result<()> {
        let recorded = delivery.recorded_event()?;
        match recorded.event()? {
            Event::CheckpointCreated(created) => handlers::checkpoint_created(self, &created, &recorded).await,
            Event::EvaluationRequested(requested) => handlers::evaluation_requested(self, &requested, &recorded).await,
            _ => Ok(()),
        }
    }

    /// Appends `event` under the id that it always has.
    async fn append(&self, event: &Event, id: contracts::EventId, cause: &Envelope) -> Result<()> {
        let envelope = Envelope::for_event(event, id, "evaluator", self.clock.now()).caused_by(cause);
        let event = event_log::NewEvent::new(event, envelope)?;
        self.log.append(&event, &event_log::ExpectedVersion::Any).await?;
        Ok(())
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
