//! One outcome per command: its events, or one rejection, appended under ids derived from the command's.
//!
//! Facts and rejections alike are guarded by the history that they were decided upon. When others were faster, the
//! history is loaded and decided upon again.

use crate::Context;
use crate::error::{Error, Result};
use crate::handlers;
use crate::history::Proposal;
use crate::intake::Incoming;
use crate::metrics::CommandMetrics;
use crate::rejections::Rejections;
use contracts::events::CommandRejected;
use contracts::ids::EventId;
use contracts::{Envelope, Event, Rejection, RunId};
use event_log::{Appended, ExpectedVersion, NewEvent};
use service_runtime::TraceContext;

/// A run has few writers: this many lost races in a row mean that something else is wrong.
const MOST_CONFLICTS: u32 = 20;

/// What became of a command. The sequence is that of its last event.
#[derive(Debug)]
pub enum Outcome {
    Accepted {
        sequence: u64,
    },
    Rejected {
        sequence: u64,
        rejection: Rejection,
    },
    /// It was decided before.
    Repeated {
        sequence: u64,
    },
}

impl Outcome {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::Repeated { .. } => "repeated",
        }
    }
}

/// Makes the command's outcome durable.
///
/// A command may come again long after it was rejected: delivered again, or sent again under the same id by a client that heard
/// no answer. Its rejection stands, whatever has changed since.
pub async fn settle(
    context: &Context,
    metrics: &CommandMetrics,
    rejections: &mut Rejections,
    incoming: &Incoming,
) -> Result<Outcome> {
    if let Some(sequence) = rejections.find(&context.log, incoming.id).await? {
        return Ok(Outcome::Repeated { sequence });
    }
    let command = match &incoming.command {
        Ok(command) => command,
        Err(reasons) => {
            return reject(context, incoming, None, Rejection(reasons.clone()), &ExpectedVersion::Any).await;
        }
    };
    for _ in 0..MOST_CONFLICTS {
        let proposal = handlers::propose(&context.log, incoming.id, command).await?;
        match conclude(context, incoming, proposal).await {
            Err(Error::Log(event_log::Error::Conflict { .. })) => drop(metrics.conflicts.inc()),
            settled => return settled,
        }
    }
    Err(Error::Contention(MOST_CONFLICTS))
}

async fn conclude(context: &Context, incoming: &Incoming, proposal: Proposal) -> Result<Outcome> {
    let Proposal { decision, guard, already, run } = proposal;
    match (already, decision) {
        (Some(sequence), _) => Ok(Outcome::Repeated { sequence }),
        (None, Ok(events)) => {
            let appended = append(context, incoming, &events, &guard).await?;
            Ok(match appended.duplicate {
                true => Outcome::Repeated { sequence: appended.sequence },
                false => Outcome::Accepted { sequence: appended.sequence },
            })
        }
        (None, Err(rejection)) => reject(context, incoming, run, rejection, &guard).await,
    }
}

/// Only runs that exist are named by the rejection's subject: made-up ids must not fill the server's subject index.
async fn reject(
    context: &Context,
    incoming: &Incoming,
    run_id: Option<RunId>,
    rejection: Rejection,
    guard: &ExpectedVersion,
) -> Result<Outcome> {
    let event = Event::CommandRejected(CommandRejected {
        command_id: incoming.id,
        command: incoming.name.clone(),
        run_id,
        reasons: rejection.0.clone(),
    });
    let Appended { sequence, duplicate } = append(context, incoming, &[event], guard).await?;
    Ok(if duplicate { Outcome::Repeated { sequence } } else { Outcome::Rejected { sequence, rejection } })
}

async fn append(context: &Context, incoming: &Incoming, events: &[Event], guard: &ExpectedVersion) -> Result<Appended> {
    let trace = TraceContext::continued(incoming.envelope.traceparent.as_deref(), context.ids.as_ref());
    let cause = Envelope { traceparent: Some(trace.to_string()), ..incoming.envelope.clone() };
    let enveloped = events.iter().enumerate().map(|(index, event)| {
        // The same id for whatever is decided: of two outcomes the server keeps one.
        let id = EventId(incoming.id.derive(&format!("outcome/{index}")));
        let envelope = Envelope::for_event(event, id, "ingest", context.clock.now()).caused_by(&cause);
        NewEvent::new(event, envelope)
    });
    let events = enveloped.collect::<Result<Vec<_>, _>>()?;
    Ok(context.log.append_batch(&events, guard).await?)
}
