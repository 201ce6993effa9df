//! The command consumer: pull, settle, acknowledge, one after the other, so that a client's commands keep their order.

use crate::Context;
use crate::error::Result;
use crate::intake::{self, Incoming, RawCommand};
use crate::metrics::CommandMetrics;
use crate::outcome::{self, Outcome};
use crate::rejections::Rejections;
use chrono::{DateTime, Utc};
use event_log::{Delivery, Queue, StreamName};
use service_runtime::Lifecycle;
use std::time::Duration;
use tokio::time::Instant;

/// Commands held at once; each takes milliseconds, and all must be settled within the queue's `ack_wait`.
const BATCH: usize = 32;
/// How long one pull waits for a command before it looks for more.
const PULL_WAIT: Duration = Duration::from_secs(5);
/// How soon a command that could not be settled is delivered again, until its stream drops it after a day.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// Settles commands until the lifecycle drains.
pub async fn run(context: Context, lifecycle: Lifecycle) -> Result<()> {
    let metrics = CommandMetrics::new(&context.metrics);
    let stream_identity = context.log.stream_status(StreamName::Commands).await?.created;
    let queue = context.log.work_queue(Queue::Commands).await?;
    context.health.ready("ingest", "waiting for commands");
    let mut rejections = Rejections::default();
    let draining = lifecycle.draining();
    while !draining.is_cancelled() {
        let pulled = tokio::select! {
            pulled = queue.pull(BATCH, PULL_WAIT) => pulled?,
            () = draining.cancelled() => break,
        };
        for delivery in pulled {
            settle(&context, &metrics, &mut rejections, stream_identity, delivery).await?;
        }
    }
    Ok(())
}

async fn settle(
    context: &Context,
    metrics: &CommandMetrics,
    rejections: &mut Rejections,
    stream_identity: DateTime<Utc>,
    delivery: Delivery,
) -> Result<()> {
    let started = Instant::now();
    let raw = RawCommand {
        subject: &delivery.subject,
        payload: &delivery.payload,
        stream_identity,
        sequence: delivery.sequence,
        recorded_at: delivery.recorded_at,
    };
    let incoming = intake::read(&raw, |name| delivery.header(name));
    let settled = match outcome::settle(context, metrics, rejections, &incoming).await {
        Ok(outcome) => {
            metrics.decided(&incoming, &outcome, started.elapsed());
            report(&incoming, &outcome);
            delivery.receipt.ack().await
        }
        Err(error) if error.is_retryable() => {
            metrics.postponed.inc();
            tracing::warn!(command.id = %incoming.id, "{} is put off: {error}", incoming.name);
            delivery.receipt.nak(RETRY_DELAY).await
        }
        Err(error) => return Err(error),
    };
    // The outcome is durable: without the acknowledgement the command comes again and finds it.
    if let Err(error) = settled {
        tracing::warn!(command.id = %incoming.id, "{} was not acknowledged: {error}", incoming.name);
    }
    Ok(())
}

fn report(incoming: &Incoming, outcome: &Outcome) {
    let Incoming { id, name, .. } = incoming;
    match outcome {
        Outcome::Accepted { sequence } => {
            tracing::info!(command.id = %id, stream.sequence = sequence, "accepted {name}");
        }
        Outcome::Rejected { sequence, rejection } => {
            tracing::info!(command.id = %id, stream.sequence = sequence, "rejected {name}: {rejection}");
        }
        Outcome::Repeated { sequence } => {
            tracing::info!(command.id = %id, stream.sequence = sequence, "{name} was decided before");
        }
    }
}
