//! May this run be trained now, and from where? Pure: folded from the run's events.

use contracts::CheckpointId;
use contracts::config::RunConfig;
use contracts::events::{CheckpointCreated, CheckpointRef, Event, Outcome, RunCompleted, RunRequested, RunStarted};

/// Trainers that may die on a run one after the other before it counts as impossible to train.
///
/// A dead trainer's run is offered again after half a minute and one that was let go after a delay that grows, so this
/// outlasts an outage of more than an hour.
pub const MOST_FRUITLESS_STARTS: usize = 20;

/// A run that waits for a trainer, or whose trainer died.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub config: RunConfig,
    /// Weights to start from when there is no checkpoint yet.
    pub init_from: Option<String>,
    /// The other run's checkpoint to go on from when there is none of its own yet.
    pub resume_from: Option<CheckpointId>,
    /// The last complete checkpoint.
    pub checkpoint: Option<CheckpointCreated>,
    /// Who had it last; a takeover when present while the run is running.
    pub previous: Option<RunStarted>,
    /// What a client asked for while nobody was training.
    pub pending: Option<Request>,
    /// Trainers that started since a client last asked for the run, each with the update it went on from.
    starts: Vec<Option<u64>>,
}

impl Claim {
    /// On a run that nobody has trained yet.
    pub fn new(requested: &RunRequested) -> Self {
        Self {
            config: requested.config.clone(),
            init_from: requested.init_from.clone(),
            resume_from: requested.resume_from,
            checkpoint: None,
            previous: None,
            pending: None,
            starts: Vec::new(),
        }
    }

    /// How the run ended, if its last checkpoint is that of its end: its trainer died before it could say so.
    pub fn finished(&self) -> Option<RunCompleted> {
        let last = self.checkpoint.as_ref().filter(|last| last.timestep >= self.config.learning.total_timesteps)?;
        let (run_id, checkpoint_id, update, timestep) = (last.run_id, last.checkpoint_id, last.update, last.timestep);
        Some(RunCompleted {
            run_id,
            outcome: Outcome::Finished,
            timestep,
            episodes_completed: last.episodes_completed,
            checkpoint: Some(CheckpointRef { checkpoint_id, update, timestep }),
            digest: Some(last.digest.clone()),
        })
    }

    /// Trainers that started from where the run stands now and left nothing behind.
    pub fn fruitless_starts(&self) -> usize {
        let stands_at = self.checkpoint.as_ref().map(|checkpoint| checkpoint.update);
        self.starts.iter().filter(|from| **from == stands_at).count()
    }
}

/// What a client asks of a run that is being trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Pause,
    Stop { force: bool },
}

/// Folds a run's events, oldest first. `None` when there is nothing to train: the run is paused, has ended or was never
/// requested.
pub fn claim<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Claim> {
    let mut claim: Option<Claim> = None;
    let mut waiting = false;
    for event in events {
        match event {
            Event::RunRequested(requested) => {
                waiting = true;
                claim = Some(Claim::new(requested));
            }
            Event::RunResumed(_) => {
                waiting = true;
                if let Some(claim) = &mut claim {
                    claim.starts.clear();
                }
            }
            Event::RunPaused(_) | Event::RunCompleted(_) | Event::RunFailed(_) | Event::RunDeleted(_) => {
                waiting = false;
                if let Some(claim) = &mut claim {
                    claim.pending = None;
                    claim.previous = None;
                }
            }
            _ => {
                if let Some(claim) = &mut claim {
                    note(claim, event);
                }
            }
        }
    }
    claim.filter(|_| waiting)
}

fn note(claim: &mut Claim, event: &Event) {
    match event {
        Event::RunStarted(started) => {
            claim.starts.push(started.resumed_from.as_ref().map(|checkpoint| checkpoint.update));
            claim.previous = Some(started.clone());
        }
        Event::RunPauseRequested(_) => claim.pending = claim.pending.or(Some(Request::Pause)),
        Event::RunStopRequested(stop) => claim.pending = Some(Request::Stop { force: stop.force }),
        Event::CheckpointCreated(checkpoint) => {
            let newer = claim.checkpoint.as_ref().is_none_or(|known| checkpoint.update >= known.update);
            if newer {
                claim.checkpoint = Some((**checkpoint).clone());
            }
        }
        _ => {}
    }
}

/// What the run's lifecycle events since the claim mean for the trainer that owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    Continue,
    Asked(Request),
    /// Another trainer owns the run now, or it has ended: append nothing more.
    Lost,
}

/// The next control after `event`; `trainer_id` is ours.
pub fn control(now: Control, event: &Event, trainer_id: &str) -> Control {
    match event {
        Event::RunStarted(started) if started.trainer_id != trainer_id => Control::Lost,
        Event::RunPaused(_) | Event::RunCompleted(_) | Event::RunFailed(_) | Event::RunDeleted(_) => Control::Lost,
        Event::RunPauseRequested(_) if now == Control::Continue => Control::Asked(Request::Pause),
        Event::RunStopRequested(stop) if now != Control::Lost => Control::Asked(Request::Stop { force: stop.force }),
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::events::RunResumed;

    fn sample(kind: &str, json: &str) -> Event {
        Event::decode(kind, json.as_bytes()).expect("a frozen sample")
    }

    fn requested() -> Event {
        sample("patrol.run.requested.v1", include_str!("../../../schemas/samples/patrol.run.requested.v1.json"))
    }

    fn checkpoint(update: u64) -> Event {
        let json = include_str!("../../../schemas/samples/patrol.training.checkpoint_created.v1.json");
        match sample("patrol.training.checkpoint_created.v1", json) {
            Event::CheckpointCreated(created) => {
                Event::CheckpointCreated(Box::new(CheckpointCreated { update, ..*created }))
            }
            other => panic!("{other:?}"),
        }
    }

    fn started(checkpoint_event: Option<&Event>) -> Event {
        let json = include_str!("../../../schemas/samples/patrol.run.started.v1.json");
        let resumed_from = checkpoint_event.map(|event| match event {
            Event::CheckpointCreated(created) => CheckpointRef {
                checkpoint_id: created.checkpoint_id,
                update: created.update,
                timestep: created.timestep,
            },
            other => panic!("{other:?}"),
        });
        match sample("patrol.run.started.v1", json) {
            Event::RunStarted(start) => Event::RunStarted(RunStarted { resumed_from, ..start }),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn starts_are_fruitless_until_a_checkpoint_follows() {
        let (first, second) = (checkpoint(3), checkpoint(6));
        let mut lifecycle = vec![requested()];
        let fruitless = |lifecycle: &[Event], checkpoints: &[&Event]| {
            claim(lifecycle.iter().chain(checkpoints.iter().copied())).map(|claim| claim.fruitless_starts())
        };
        assert_eq!(fruitless(&lifecycle, &[]), Some(0));
        lifecycle.extend([started(None), started(None)]);
        assert_eq!(fruitless(&lifecycle, &[]), Some(2));
        // The second of them left a checkpoint: from there nobody has started.
        assert_eq!(fruitless(&lifecycle, &[&first]), Some(0));
        lifecycle.push(started(Some(&first)));
        assert_eq!(fruitless(&lifecycle, &[&first]), Some(1));
        assert_eq!(fruitless(&lifecycle, &[&first, &second]), Some(0));
    }

    #[test]
    fn a_client_that_resumes_a_run_gives_it_new_chances() {
        let Event::RunRequested(request) = requested() else { panic!("not a request") };
        let run_id = request.run_id;
        let resumed = Event::RunResumed(RunResumed { run_id });
        let events = [requested(), started(None), started(None), resumed, started(None)];
        assert_eq!(claim(&events).map(|claim| claim.fruitless_starts()), Some(1));
    }
}
