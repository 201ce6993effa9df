//! Messages that were delivered as often as their queue allows: set aside, and told in the log.

use crate::Context;
use crate::error::Result;
use contracts::events::MessageDeadLettered;
use contracts::ids::EventId;
use contracts::{Envelope, Event, RunId, subjects};
use event_log::{DeadLetter, ExhaustedDelivery, ExpectedVersion, NewEvent, Queue};
use service_runtime::Lifecycle;
use std::time::Duration;
use uuid::Uuid;

const PULL_WAIT: Duration = Duration::from_secs(5);

/// Follows the server's advisories until the lifecycle drains.
pub async fn run(context: Context, lifecycle: Lifecycle) -> Result<()> {
    let advisories = context.log.work_queue(Queue::ExhaustedDeliveries).await?;
    let draining = lifecycle.draining();
    while !draining.is_cancelled() {
        let exhausted = tokio::select! {
            exhausted = context.log.exhausted_deliveries(&advisories, PULL_WAIT) => exhausted,
            () = draining.cancelled() => break,
        };
        let exhausted = match exhausted {
            Ok(exhausted) => exhausted,
            Err(error) if error.is_retryable() => {
                tracing::warn!("dead letters are put off: {error}");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for delivery in exhausted {
            match tell(&context, &delivery).await {
                // The advisory comes again, and the event keeps its id.
                Err(error) if error.is_retryable() => tracing::warn!("a dead letter is put off: {error}"),
                told => told?,
            }
        }
    }
    Ok(())
}

async fn tell(context: &Context, delivery: &ExhaustedDelivery) -> Result<()> {
    // The log may be full for long: until it takes the event, the message stays where it is.
    record(context, &delivery.dead_letter).await?;
    Ok(context.log.set_aside(delivery).await?)
}

/// Appends `archive.message_dead_lettered`; repeating it for the same message changes nothing.
async fn record(context: &Context, letter: &DeadLetter) -> Result<()> {
    let DeadLetter { stream, sequence, subject, reason, .. } = letter;
    tracing::error!(stream.name = stream, stream.sequence = sequence, "set aside a message on {subject}: {reason}");
    let event = Event::MessageDeadLettered(MessageDeadLettered {
        run_id: run_of(subject),
        stream: stream.clone(),
        sequence: *sequence,
        subject: subject.clone(),
        reason: reason.clone(),
    });
    let id = EventId(Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("dead-letter/{stream}/{sequence}").as_bytes()));
    let envelope = Envelope::for_event(&event, id, "ingest", context.clock.now());
    context.log.append(&NewEvent::new(&event, envelope)?, &ExpectedVersion::Any).await?;
    Ok(())
}

/// The run in a trajectory's or an event's subject.
fn run_of(subject: &str) -> Option<RunId> {
    let of_event = || subject.strip_prefix("patrol.evt.")?.split('.').nth(1)?.parse().ok();
    subjects::parse_trajectory(subject).map(|(run, _)| run).or_else(of_event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_is_found_in_subjects() {
        let run = RunId(Uuid::from_u128(7));
        assert_eq!(run_of(&format!("patrol.traj.{run}.train")), Some(run));
        assert_eq!(run_of(&format!("patrol.evt.run.{run}.requested")), Some(run));
        assert_eq!(run_of("patrol.cmd.run.start"), None);
        assert_eq!(run_of("patrol.evt.command.none.rejected"), None);
    }
}
