//! The order in which segments were consumed, in the log.

use crate::error::Result;
use contracts::events::{ConsumedSegment, SegmentsConsumed};
use contracts::{Event, RunId, subjects};
use event_log::EventLog;
use learner::a3c::Consumed;

/// One update's order as an event.
pub fn event(run_id: RunId, update: u64, order: &[Consumed]) -> SegmentsConsumed {
    let segment = |consumed: &Consumed| ConsumedSegment {
        lane: consumed.lane as u32,
        segment: consumed.segment,
        policy_version: consumed.policy_version,
        actor: consumed.actor.to_string(),
        digest: consumed.digest.to_string(),
    };
    SegmentsConsumed { run_id, update, segments: order.iter().map(segment).collect() }
}

/// What the run consumed after `update`, as far as the log has it.
pub async fn after(log: &EventLog, run: RunId, update: u64) -> Result<Vec<Consumed>> {
    let recorded = log.load(&subjects::event("training", Some(run), "segments_consumed")).await?;
    let events = recorded.iter().map(|recorded| recorded.event()).collect::<Result<Vec<_>, _>>()?;
    Ok(fold(&events, update))
}

/// Updates follow each other in the log without a gap: what a trainer had not appended when it died never counted.
fn fold(events: &[Event], update: u64) -> Vec<Consumed> {
    let mut consumed = Vec::new();
    let mut next = update + 1;
    for event in events {
        if let Event::SegmentsConsumed(order) = event
            && order.update == next
        {
            consumed.extend(order.segments.iter().map(read));
            next += 1;
        }
    }
    consumed
}

fn read(segment: &ConsumedSegment) -> Consumed {
    Consumed {
        lane: segment.lane as usize,
        segment: segment.segment,
        policy_version: segment.policy_version,
        actor: segment.actor.as_str().into(),
        // One that cannot be read is none that a replay comes to.
        digest: segment.digest.parse().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn consumed(update: u64) -> Vec<Consumed> {
        let one = |lane: usize| Consumed {
            lane,
            segment: update - 1,
            policy_version: 2 * update,
            actor: "actor-1".into(),
            digest: format!("{:016x}", update << 40).parse().expect("a digest"),
        };
        vec![one(1), one(0)]
    }

    #[test]
    fn an_order_comes_back_from_its_events_without_gap_or_repetition() {
        let run = RunId(Uuid::from_u128(1));
        let events = [1, 2, 2, 3, 5].map(|update| Event::SegmentsConsumed(event(run, update, &consumed(update))));
        assert_eq!(fold(&events, 0), [consumed(1), consumed(2), consumed(3)].concat());
        assert_eq!(fold(&events, 2), consumed(3));
        assert_eq!(fold(&events, 5), []);
    }
}
