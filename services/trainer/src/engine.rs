//! What computes a run's updates: a learner that takes turns with its actors, or one whose actors play meanwhile.

use environment::Environment;
use learner::a3c::{AsyncRun, Consumed, Door};
use learner::{Checkpoint, Learner, LearnerError, RolloutRecord, UpdateReport};

/// One update, however it was computed.
pub struct Computed {
    pub report: UpdateReport,
    /// The order in which segments were consumed; empty where nothing but the run's configuration decides it.
    pub order: Vec<Consumed>,
    /// The order was in the log already.
    pub replayed: bool,
}

/// Computes a run's updates one after the other.
pub enum Engine {
    InTurns(Box<Learner>),
    Overlapped(Box<AsyncRun>),
}

impl Engine {
    /// The run's settings and counters.
    pub fn run(&self) -> &Learner {
        match self {
            Self::InTurns(learner) => learner,
            Self::Overlapped(run) => run.learner().run(),
        }
    }

    /// For actors of other processes, where there may be any.
    pub fn door(&self) -> Option<Door> {
        match self {
            Self::InTurns(_) => None,
            Self::Overlapped(run) => Some(run.door()),
        }
    }

    /// The next update, with everything that happened in `record`. After a `draining` one a checkpoint is possible, unless
    /// [`Engine::is_settled`] says that it takes one more.
    pub fn update(&mut self, record: &mut RolloutRecord, draining: bool) -> Result<Computed, LearnerError> {
        match self {
            Self::InTurns(learner) => {
                let report = learner.update(Some(record))?;
                Ok(Computed { report, order: Vec::new(), replayed: false })
            }
            Self::Overlapped(run) => {
                let update = run.update(draining)?;
                run.learner_mut().take_record(record);
                Ok(Computed { report: update.report, order: update.order, replayed: update.replayed })
            }
        }
    }

    /// Whether nothing is being played, so that a checkpoint is possible.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::InTurns(_) => true,
            Self::Overlapped(run) => run.learner().in_play() == 0,
        }
    }

    pub fn checkpoint(&mut self) -> Result<Checkpoint, LearnerError> {
        match self {
            Self::InTurns(learner) => learner.checkpoint(),
            Self::Overlapped(run) => run.learner_mut().checkpoint(),
        }
    }

    /// The first environment as it stands, for the live map.
    pub fn glimpse(&self) -> &Environment {
        match self {
            Self::InTurns(learner) => &learner.environments()[0],
            Self::Overlapped(run) => run.learner().glimpse(),
        }
    }
}
