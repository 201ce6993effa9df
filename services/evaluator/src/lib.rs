//! The evaluator service: plays every checkpoint, and once per world the scripted agents, on held-out seeds.
//!
//! When it falls behind it evaluates only a run's newest checkpoint, and always its last. A checkpoint is acknowledged
//! when its evaluation is in the log.

mod baselines;
mod config;
mod contest;
mod error;
mod evaluation;
mod failure;
mod handlers;
mod metrics;
mod recorder;

pub use config::Config;
pub use error::Error;

use contracts::events::EvaluationFailed;
use contracts::{Envelope, Event, EventId, RecordedEvent};
use error::Result;
use event_log::{Delivery, EventLog, Queue};
use metrics::EvaluatorMetrics;
use service_runtime::{Clock, Health, Lifecycle, Metrics};
use std::sync::Arc;
use std::time::Duration;
use trajectories::ObjectStore;

/// How long one pull waits for work before it looks at the shutdown signal again.
const PULL_WAIT: Duration = Duration::from_secs(5);
/// How soon an evaluation that failed for a reason that may pass is tried again at first; each time twice as late, up to …
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_secs(120);
/// Deliveries in which an evaluation is tried, half an hour of them; the one that follows, the queue's last, says that it failed.
const MOST_ATTEMPTS: u64 = 19;

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
        let recorded = delivery.recorded_event();
        let handled = match &recorded {
            Ok(recorded) if delivery.attempts > MOST_ATTEMPTS => self.give_up(recorded, &exhausted()).await,
            Ok(recorded) => self.handle(recorded, delivery.attempts).await,
            Err(_) => Ok(()),
        };
        drop(heartbeat);
        match recorded.map_err(Error::from).and(handled) {
            Ok(()) => Ok(delivery.receipt.ack().await?),
            Err(error) if error.is_fatal() => Err(error),
            Err(error) if error.may_pass() => {
                tracing::warn!(stream.sequence = delivery.sequence, "evaluation to be tried again: {}", chain(&error));
                Ok(delivery.receipt.nak(retry_delay(delivery.attempts)).await?)
            }
            Err(error) => {
                tracing::error!(stream.sequence = delivery.sequence, "cannot evaluate: {}", chain(&error));
                Ok(delivery.receipt.term(&error.to_string()).await?)
            }
        }
    }

    /// Evaluates, or notes for good that this cannot be evaluated: somebody may wait for an outcome.
    async fn handle(&self, recorded: &RecordedEvent, attempts: u64) -> Result<()> {
        let evaluated = match recorded.event()? {
            Event::CheckpointCreated(created) => handlers::checkpoint_created(self, &created, recorded).await,
            Event::EvaluationRequested(requested) => handlers::evaluation_requested(self, &requested, recorded).await,
            _ => Ok(()),
        };
        match evaluated {
            Err(error) if error.is_final(attempts >= MOST_ATTEMPTS) => self.give_up(recorded, &error).await,
            other => other,
        }
    }

    /// Appends `evaluation.failed`.
    async fn give_up(&self, recorded: &RecordedEvent, error: &Error) -> Result<()> {
        let Some(failed) = failure::failed(&recorded.event()?, error) else { return Ok(()) };
        let EvaluationFailed { run_id, evaluation_id, code, message, .. } = &failed;
        tracing::error!(run.id = %run_id, evaluation.id = %evaluation_id, code, "cannot evaluate: {message}");
        self.metrics.failed.inc();
        let id = EventId(run_id.derive(&format!("evaluation-failed/{evaluation_id}")));
        self.append(&Event::EvaluationFailed(failed), id, &recorded.envelope).await
    }

    /// Appends `event` under the id that it always has.
    async fn append(&self, event: &Event, id: EventId, cause: &Envelope) -> Result<()> {
        let envelope = Envelope::for_event(event, id, "evaluator", self.clock.now()).caused_by(cause);
        let event = event_log::NewEvent::new(event, envelope)?;
        self.log.append(&event, &event_log::ExpectedVersion::Any).await?;
        Ok(())
    }
}

/// What a delivery comes to that nobody survived, or that failed as often as it may.
fn exhausted() -> Error {
    let message = format!("{MOST_ATTEMPTS} attempts ended without a result");
    Error::Evaluation { code: "no_result", message }
}

fn retry_delay(attempts: u64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    (FIRST_RETRY * 2_u32.pow(doublings)).min(LAST_RETRY)
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_later_and_later_and_end_before_the_queue_does() {
        let delays: Vec<u64> = (1..=7).map(|attempts| retry_delay(attempts).as_secs()).collect();
        assert_eq!(delays, [5, 10, 20, 40, 80, 120, 120]);
        assert_eq!(retry_delay(u64::MAX), LAST_RETRY);
        let queue = include_str!("../../../nats/consumers/evaluator-checkpoints.json");
        let queue: serde_json::Value = serde_json::from_str(queue).expect("JSON");
        assert_eq!(queue["config"]["max_deliver"], MOST_ATTEMPTS + 1);
    }
}
