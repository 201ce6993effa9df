//! Writing a batch, and finding the event that Postgres refuses.

use crate::config::OnPoison;
use crate::error::{Error, Result, chain};
use read_models::{Batch, Poison, Position, ReadModels};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub events: u64,
    pub poison: u64,
}

/// Writes `batch`. When its values do not fit the tables it is halved until the event is found, which is skipped or fails.
///
/// # Errors
/// `Unfit` for that event; whatever precedes it is written.
pub(crate) async fn write(models: &ReadModels, batch: Batch, on_poison: OnPoison) -> Result<Written> {
    let mut written = Written::default();
    let mut left = vec![batch];
    while let Some(batch) = left.pop() {
        match models.apply(&batch).await {
            Ok(applied) => {
                written.events += applied.events as u64;
                written.poison += if applied.events > 0 { batch.poison.len() as u64 } else { 0 };
            }
            Err(error) if !error.is_unfit_data() || batch.facts.is_empty() => return Err(error.into()),
            Err(_) if batch.facts.len() > 1 => {
                let (first, second) = halve(batch);
                left.extend([second, first]);
            }
            Err(error) => left.push(without_the_event(batch, error, on_poison)?),
        }
    }
    Ok(written)
}

fn halve(batch: Batch) -> (Batch, Batch) {
    let Batch { after, mut facts, mut poison, end } = batch;
    let later_facts = facts.split_off(facts.len() / 2);
    let middle = facts.last().map_or(after, |fact| fact.sequence);
    let later_poison = poison.split_off(poison.partition_point(|poison| poison.sequence <= middle));
    let middle_end = Position {
        stream_identity: end.stream_identity.clone(),
        sequence: middle,
        event_id: facts.last().map(|fact| fact.envelope.id),
        event_at: facts.last().map(|fact| fact.envelope.time),
    };
    let first = Batch { after, facts, poison, end: middle_end };
    (first, Batch { after: middle, facts: later_facts, poison: later_poison, end })
}

/// The batch with its only event among the poison.
fn without_the_event(mut batch: Batch, error: read_models::Error, on_poison: OnPoison) -> Result<Batch> {
    let Some(fact) = batch.facts.pop() else { return Err(error.into()) };
    let (sequence, subject) = (fact.sequence, fact.envelope.kind);
    if on_poison == OnPoison::Stop {
        return Err(Error::Unfit { sequence, subject, source: error });
    }
    let reason = chain(&error);
    tracing::error!(stream.sequence = sequence, "skipping an event ({subject}) that does not fit the tables: {reason}");
    let (event_id, time) = (Some(fact.envelope.id), Some(fact.envelope.time));
    batch.poison.push(Poison { sequence, subject, reason, event_id, time });
    batch.poison.sort_by_key(|poison| poison.sequence);
    Ok(batch)
}
