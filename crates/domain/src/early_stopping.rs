//! Early stopping (Prechelt 1998): a run whose evaluations no longer get better has learned what it will.

use contracts::config::EvaluationSettings;
use contracts::events::EvaluationCompleted;

/// How the evaluations of a run went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Course {
    /// The mean threat that has to be improved on.
    best: Option<f64>,
    /// Of the newest checkpoint that counted.
    timestep: u64,
    without_improvement: u32,
}

impl Course {
    /// The course after `evaluation`. Only the evaluations that happen by themselves count, each checkpoint once and newer
    /// ones only: what clients ask for, with other episodes or of old checkpoints, ends nothing.
    pub fn after(self, settings: &EvaluationSettings, evaluation: &EvaluationCompleted) -> Self {
        let counts = evaluation.timestep > self.timestep && evaluation.protocol.episodes == settings.episodes;
        if !counts {
            return self;
        }
        let (merit, timestep) = (evaluation.merit(), evaluation.timestep);
        let min_delta = settings.early_stopping.map_or(0.0, |early_stopping| early_stopping.min_delta);
        if self.best.is_none_or(|best| merit < best - min_delta) {
            return Self { best: Some(merit), timestep, without_improvement: 0 };
        }
        Self { timestep, without_improvement: self.without_improvement + 1, ..self }
    }

    /// Whether patience has run out.
    pub fn is_exhausted(&self, settings: &EvaluationSettings) -> bool {
        settings.early_stopping.is_some_and(|early_stopping| self.without_improvement >= early_stopping.patience)
    }
}
