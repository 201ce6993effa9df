//! Ends a run whose evaluations no longer get better, if it was asked for.
//!
//! Evaluations come from another service and some time after their checkpoints, so *when* a run ends depends on more than
//! its configuration. What it learned until then does not, and the log holds where it ended.

use crate::error::Result;
use contracts::config::EvaluationSettings;
use contracts::events::EvaluationCompleted;
use contracts::{Event, RunId, subjects};
use domain::early_stopping::Course;
use event_log::EventLog;

/// What the evaluations of a run say about going on.
pub struct Judge {
    settings: EvaluationSettings,
    course: Course,
}

/// Subject of a run's evaluations.
pub fn evaluations(run: RunId) -> String {
    subjects::event("evaluation", Some(run), "completed")
}

impl Judge {
    /// Knows what was evaluated before.
    pub async fn of(log: &EventLog, run: RunId, settings: EvaluationSettings) -> Result<Self> {
        let mut judge = Self { settings, course: Course::default() };
        if judge.settings.early_stopping.is_some() {
            for recorded in log.load(&evaluations(run)).await? {
                if let Event::EvaluationCompleted(evaluation) = recorded.event()? {
                    judge.take_in(&evaluation);
                }
            }
        }
        Ok(judge)
    }

    pub fn take_in(&mut self, evaluation: &EvaluationCompleted) {
        self.course = self.course.after(&self.settings, evaluation);
    }

    /// Whether the run is to end now.
    pub fn ends_it(&self) -> bool {
        self.course.is_exhausted(&self.settings)
    }
}
