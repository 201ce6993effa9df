//! How the runs of a sweep stand, folded from the log. Pure.

use contracts::events::{AgentScore, EvaluationCompleted, EvaluationFailed};
use contracts::{CheckpointId, Event, RunId};
use serde::Serialize;
use std::collections::HashMap;

/// One run of a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Stream sequence of its request: its number for people.
    pub number: Option<u64>,
    pub timestep: u64,
    pub steps_per_second: f64,
    pub end: Option<End>,
    /// The evaluation of the newest checkpoint.
    evaluation: Option<Box<EvaluationCompleted>>,
    /// Checkpoints that cannot be evaluated, and why.
    unevaluated: HashMap<CheckpointId, String>,
    completed: bool,
    /// What the run ended with.
    last: Option<CheckpointId>,
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Evaluated(Box<Evaluated>),
    /// It failed, was deleted, was stopped before anything could be evaluated, or its last policy cannot be evaluated.
    Failed(String),
}

/// The evaluation of the last policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluated {
    pub timestep: u64,
    pub sampled: AgentScore,
    pub argmax: AgentScore,
}

/// All runs of a sweep that were started so far.
#[derive(Clone, Debug, Default)]
pub struct Board {
    runs: HashMap<RunId, Run>,
}

impl Board {
    /// Expects events of `run` from now on.
    pub fn watch(&mut self, run: RunId) {
        self.runs.entry(run).or_default();
    }

    pub fn run(&self, run: RunId) -> Run {
        self.runs.get(&run).cloned().unwrap_or_default()
    }

    pub fn has_ended(&self, run: RunId) -> bool {
        self.runs.get(&run).is_some_and(|run| run.end.is_some())
    }

    /// Notes what `event`, at `sequence` of the log, tells; true when a run has ended by it.
    pub fn take_in(&mut self, sequence: u64, event: &Event) -> bool {
        let Some(run) = event.run_id().and_then(|run| self.runs.get_mut(&run)) else { return false };
        let ended_before = run.end.is_some();
        match event {
            Event::RunRequested(_) => run.number = Some(sequence),
            Event::TrainingProgressed(progress) => {
                run.timestep = progress.timestep;
                run.steps_per_second = progress.steps_per_second;
            }
            Event::EvaluationCompleted(evaluation) => run.evaluated(evaluation),
            Event::EvaluationFailed(failed) => run.not_evaluated(failed),
            Event::RunCompleted(completed) => {
                run.completed = true;
                run.last = completed.checkpoint.as_ref().map(|checkpoint| checkpoint.checkpoint_id);
                run.timestep = completed.timestep;
                if completed.checkpoint.is_none() {
                    run.fail("it was stopped before its first checkpoint");
                }
            }
            Event::RunFailed(failed) => run.fail(&failed.message),
            Event::RunDeleted(_) => run.fail("it was deleted"),
            _ => {}
        }
        run.conclude();
        !ended_before && run.end.is_some()
    }
}

impl Run {
    fn fail(&mut self, message: &str) {
        self.end.get_or_insert_with(|| End::Failed(message.to_owned()));
    }

    fn evaluated(&mut self, evaluation: &EvaluationCompleted) {
        if self.evaluation.as_ref().is_none_or(|known| known.timestep <= evaluation.timestep) {
            self.evaluation = Some(Box::new(evaluation.clone()));
        }
    }

    fn not_evaluated(&mut self, failed: &EvaluationFailed) {
        if let Some(checkpoint) = failed.checkpoint_id {
            self.unevaluated.insert(checkpoint, format!("its evaluation failed: {}", failed.message));
        }
    }

    /// A run is done when its last policy is evaluated, or cannot be.
    fn conclude(&mut self) {
        if let Some(message) = self.last.and_then(|last| self.unevaluated.remove(&last)) {
            self.fail(&message);
        }
        let Some(evaluation) = self.evaluation.as_ref().filter(|_| self.completed && self.end.is_none()) else {
            return;
        };
        // One that was stopped early has no last checkpoint; whatever was evaluated of it has to do.
        if evaluation.is_last || evaluation.timestep >= self.timestep {
            self.end = Some(End::Evaluated(Box::new(Evaluated {
                timestep: evaluation.timestep,
                sampled: evaluation.sampled.clone(),
                argmax: evaluation.argmax.clone(),
            })));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::events::{CheckpointRef, Outcome, RunCompleted, RunFailed};

    fn run() -> RunId {
        "0192f0c4-7b1e-7c3a-9d52-4f8e6a1b2c3d".parse().expect("a UUID")
    }

    fn evaluation(timestep: u64, is_last: bool) -> Event {
        let json = include_str!("../../../../schemas/samples/patrol.evaluation.completed.v1.json");
        let Ok(Event::EvaluationCompleted(sample)) = Event::decode("patrol.evaluation.completed.v1", json.as_bytes())
        else {
            panic!("a frozen sample")
        };
        Event::EvaluationCompleted(Box::new(EvaluationCompleted { run_id: run(), timestep, is_last, ..*sample }))
    }

    fn completed(timestep: u64, checkpoint: bool) -> Event {
        let id = contracts::CheckpointId::of(run(), 1);
        let checkpoint = checkpoint.then_some(CheckpointRef { checkpoint_id: id, update: 1, timestep });
        let (outcome, digest) = (Outcome::Finished, None);
        Event::RunCompleted(RunCompleted {
            run_id: run(),
            outcome,
            timestep,
            episodes_completed: 1,
            checkpoint,
            digest,
        })
    }

    /// The step of the evaluation that counts, after each event.
    fn ends(events: &[Event]) -> Vec<Option<u64>> {
        let mut board = Board::default();
        board.watch(run());
        let after = events.iter().map(|event| {
            board.take_in(1, event);
            match board.run(run()).end? {
                End::Evaluated(evaluated) => Some(evaluated.timestep),
                End::Failed(_) => Some(0),
            }
        });
        after.collect()
    }

    #[test]
    fn a_run_has_ended_when_its_last_policy_is_evaluated_in_whatever_order() {
        let (early, last) = (evaluation(500, false), evaluation(900, true));
        let done = completed(900, true);
        assert_eq!(ends(&[early.clone(), done.clone(), early.clone(), last.clone()]), [None, None, None, Some(900)]);
        assert_eq!(ends(&[last, early.clone(), done]), [None, None, Some(900)]);
        assert_eq!(ends(&[completed(500, true), early]), [None, Some(500)], "stopped early");
    }

    #[test]
    fn a_run_has_failed_when_its_last_policy_cannot_be_evaluated_in_whatever_order() {
        let of = |update| contracts::CheckpointId::of(run(), update);
        let failed = |update| {
            Event::EvaluationFailed(EvaluationFailed {
                run_id: run(),
                evaluation_id: "0192f0c4-7b1e-7c3a-9d52-4f8e6a1b2c3e".parse().expect("a UUID"),
                checkpoint_id: Some(of(update)),
                code: "blob_corrupt".into(),
                message: "x".into(),
            })
        };
        let done = completed(900, true);
        assert_eq!(ends(&[failed(1), done.clone()]), [None, Some(0)]);
        assert_eq!(ends(&[done.clone(), failed(1)]), [None, Some(0)]);
        assert_eq!(ends(&[failed(0), done, evaluation(900, true)]), [None, None, Some(900)], "an earlier one");
    }

    #[test]
    fn a_run_that_left_nothing_has_failed() {
        let failed = Event::RunFailed(RunFailed { run_id: run(), timestep: 1, code: "x".into(), message: "x".into() });
        assert_eq!(ends(&[failed]), [Some(0)]);
        assert_eq!(ends(&[completed(0, false)]), [Some(0)]);
        let mut others = Board::default();
        assert!(!others.take_in(1, &evaluation(900, true)) && !others.has_ended(run()));
    }
}
