//! May this run be trained now, and from where? Pure: folded from the run's events.

use contracts::config::RunConfig;
use contracts::events::{CheckpointCreated, Event, RunStarted};

/// A run that waits for a trainer, or whose trainer died.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub config: RunConfig,
    /// Weights to start from when there is no checkpoint yet.
    pub init_from: Option<String>,
    /// The last complete checkpoint.
    pub checkpoint: Option<CheckpointCreated>,
    /// Who had it last; a takeover when present while the run is running.
    pub previous: Option<RunStarted>,
    /// What a client asked for while nobody was training.
    pub pending: Option<Request>,
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
                claim = Some(Claim {
                    config: requested.config.clone(),
                    init_from: requested.init_from.clone(),
                    checkpoint: None,
                    previous: None,
                    pending: None,
                });
            }
            Event::RunResumed(_) => waiting = true,
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
        Event::RunStarted(started) => claim.previous = Some(started.clone()),
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
