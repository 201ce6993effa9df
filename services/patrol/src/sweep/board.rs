//! How the runs of a sweep stand, folded from the log. Pure.

use contracts::events::{AgentScore, EvaluationCompleted, EvaluationFailed, RunRequested};
use contracts::{CheckpointId, Event, RunConfig, RunId};
use serde::Serialize;
use std::collections::HashMap;

/// One run of a trial, or the run that went on from it when it had failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub id: RunId,
    /// Stream sequence of its request: its number for people.
    pub number: Option<u64>,
    pub timestep: u64,
    pub steps_per_second: f64,
    config: Option<RunConfig>,
    /// The evaluation of the newest checkpoint.
    evaluation: Option<Box<EvaluationCompleted>>,
    /// Checkpoints that cannot be evaluated, and why.
    unevaluated: HashMap<CheckpointId, String>,
    completed: bool,
    /// What the run ended with.
    last: Option<CheckpointId>,
    failure: Option<String>,
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

/// All runs of a sweep, each under the id of the run that its trial began with.
#[derive(Clone, Debug, Default)]
pub struct Board {
    runs: HashMap<RunId, Run>,
    /// Runs that went on from one that had failed, and the one that the trial began with.
    heirs: HashMap<RunId, RunId>,
}

impl Board {
    /// Expects events of `run` from now on.
    pub fn watch(&mut self, run: RunId) {
        self.runs.entry(run).or_insert_with(|| Run::new(run));
    }

    pub fn run(&self, run: RunId) -> Option<&Run> {
        self.runs.get(&run)
    }

    /// Notes what `event`, at `sequence` of the log, tells.
    pub fn take_in(&mut self, sequence: u64, event: &Event) {
        if let Event::RunRequested(requested) = event {
            self.inherit(requested);
        }
        let Some(id) = event.run_id() else { return };
        let trial = self.heirs.get(&id).unwrap_or(&id);
        if let Some(run) = self.runs.get_mut(trial).filter(|run| run.id == id) {
            run.take_in(sequence, event);
        }
    }

    /// A run that goes on from a failed one with the same settings takes its place.
    fn inherit(&mut self, requested: &RunRequested) {
        let Some(parent) = requested.parent_run_id.filter(|_| requested.resume_from.is_some()) else { return };
        let trial = *self.heirs.get(&parent).unwrap_or(&parent);
        let Some(run) = self.runs.get_mut(&trial).filter(|run| run.id == parent) else { return };
        let failed = matches!(run.end(), Some(End::Failed(_)));
        if failed && run.config.as_ref() == Some(&requested.config) {
            *run = Run::new(requested.run_id);
            self.heirs.insert(requested.run_id, trial);
        }
    }
}

impl Run {
    fn new(id: RunId) -> Self {
        Self {
            id,
            number: None,
            timestep: 0,
            steps_per_second: 0.0,
            config: None,
            evaluation: None,
            unevaluated: HashMap::new(),
            completed: false,
            last: None,
            failure: None,
        }
    }

    fn take_in(&mut self, sequence: u64, event: &Event) {
        match event {
            Event::RunRequested(requested) => {
                self.number = Some(sequence);
                self.config = Some(requested.config.clone());
            }
            Event::TrainingProgressed(progress) => {
                self.timestep = progress.timestep;
                self.steps_per_second = progress.steps_per_second;
            }
            Event::EvaluationCompleted(evaluation) => self.evaluated(evaluation),
            Event::EvaluationFailed(failed) => self.not_evaluated(failed),
            Event::RunCompleted(completed) => {
                self.completed = true;
                self.last = completed.checkpoint.as_ref().map(|checkpoint| checkpoint.checkpoint_id);
                self.timestep = completed.timestep;
                if completed.checkpoint.is_none() {
                    self.failure = Some("it was stopped before its first checkpoint".to_owned());
                }
            }
            Event::RunFailed(failed) => self.failure = Some(failed.message.clone()),
            Event::RunDeleted(_) => self.failure = Some("it was deleted".to_owned()),
            _ => {}
        }
    }

    fn evaluated(&mut self, evaluation: &EvaluationCompleted) {
        self.unevaluated.remove(&evaluation.checkpoint_id);
        if self.evaluation.as_ref().is_none_or(|known| known.timestep <= evaluation.timestep) {
            self.evaluation = Some(Box::new(evaluation.clone()));
        }
    }

    fn not_evaluated(&mut self, failed: &EvaluationFailed) {
        if let Some(checkpoint) = failed.checkpoint_id {
            self.unevaluated.insert(checkpoint, format!("its evaluation failed: {}", failed.message));
        }
    }

    /// A run is done when its last policy is evaluated, or cannot be; that may be mended later.
    pub fn end(&self) -> Option<End> {
        // One that was stopped early has no last checkpoint; whatever was evaluated of it has to do.
        let counts = |evaluation: &&EvaluationCompleted| {
            self.completed && (evaluation.is_last || evaluation.timestep >= self.timestep)
        };
        if let Some(evaluation) = self.evaluation.as_deref().filter(counts) {
            return Some(End::Evaluated(Box::new(Evaluated {
                timestep: evaluation.timestep,
                sampled: evaluation.sampled.clone(),
                argmax: evaluation.argmax.clone(),
            })));
        }
        let unevaluated = || self.unevaluated.get(&self.last?);
        self.failure.as_ref().or_else(unevaluated).cloned().map(End::Failed)
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

    fn unevaluated(checkpoint: CheckpointId) -> Event {
        Event::EvaluationFailed(EvaluationFailed {
            run_id: run(),
            evaluation_id: "0192f0c4-7b1e-7c3a-9d52-4f8e6a1b2c3e".parse().expect("a UUID"),
            checkpoint_id: Some(checkpoint),
            code: "blob_corrupt".into(),
            message: "x".into(),
        })
    }

    fn failed(run_id: RunId) -> Event {
        Event::RunFailed(RunFailed { run_id, timestep: 1, code: "x".into(), message: "x".into() })
    }

    /// The request of a run that resumes `parent`, if there is one.
    fn requested(run_id: RunId, parent: Option<RunId>, learning_rate: f64) -> Event {
        let json = include_str!("../../../../schemas/samples/patrol.run.requested.v1.json");
        let Ok(Event::RunRequested(mut sample)) = Event::decode("patrol.run.requested.v1", json.as_bytes()) else {
            panic!("a frozen sample")
        };
        sample.config.learning.learning_rate = learning_rate;
        let resume_from = parent.map(|parent| CheckpointId::of(parent, 1));
        Event::RunRequested(Box::new(RunRequested { run_id, parent_run_id: parent, resume_from, ..*sample }))
    }

    fn completed(timestep: u64, checkpoint: bool) -> Event {
        Event::RunCompleted(run_completed(timestep, checkpoint))
    }

    fn run_completed(timestep: u64, checkpoint: bool) -> RunCompleted {
        let id = contracts::CheckpointId::of(run(), 1);
        let checkpoint = checkpoint.then_some(CheckpointRef { checkpoint_id: id, update: 1, timestep });
        let (outcome, digest) = (Outcome::Finished, None);
        RunCompleted { run_id: run(), outcome, timestep, episodes_completed: 1, checkpoint, digest }
    }

    /// The step of the evaluation that counts, after each event.
    fn ends(events: &[Event]) -> Vec<Option<u64>> {
        let mut board = Board::default();
        board.watch(run());
        let after = events.iter().map(|event| {
            board.take_in(1, event);
            match board.run(run())?.end()? {
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
        let failed = |update| unevaluated(of(update));
        let done = completed(900, true);
        assert_eq!(ends(&[failed(1), done.clone()]), [None, Some(0)]);
        assert_eq!(ends(&[done.clone(), failed(1)]), [None, Some(0)]);
        assert_eq!(ends(&[failed(0), done.clone(), evaluation(900, true)]), [None, None, Some(900)], "an earlier one");
        let mended = [done, failed(1), evaluation(900, true), failed(1)];
        assert_eq!(ends(&mended), [None, Some(0), Some(900), Some(900)], "asked for again");
    }

    #[test]
    fn a_run_that_left_nothing_has_failed() {
        assert_eq!(ends(&[failed(run())]), [Some(0)]);
        assert_eq!(ends(&[completed(0, false)]), [Some(0)]);
        let mut others = Board::default();
        others.take_in(1, &evaluation(900, true));
        assert_eq!(others.run(run()), None);
    }

    #[test]
    fn a_run_that_goes_on_from_a_failed_one_takes_its_place() {
        let heirs = ["first", "second"].map(|name| RunId::from(run().derive(name)));
        let goes_on = |parent, heir| requested(heir, Some(parent), 1e-3);
        let mut board = Board::default();
        board.watch(run());
        let mut take_in = |event: Event| {
            board.take_in(7, &event);
            let run = board.run(run()).expect("it is watched");
            (run.id, run.end().map(|end| matches!(end, End::Evaluated(_))))
        };
        take_in(requested(run(), None, 1e-3));
        assert_eq!(take_in(goes_on(run(), heirs[0])), (run(), None), "it has not failed yet");
        take_in(failed(run()));
        assert_eq!(take_in(requested(heirs[0], Some(run()), 2e-3)), (run(), Some(false)), "with other settings");
        assert_eq!(take_in(goes_on(run(), heirs[0])), (heirs[0], None));
        assert_eq!(take_in(failed(run())), (heirs[0], None), "the other one does not count any more");
        assert_eq!(take_in(failed(heirs[0])), (heirs[0], Some(false)));
        take_in(goes_on(heirs[0], heirs[1]));
        take_in(Event::RunCompleted(RunCompleted { run_id: heirs[1], ..run_completed(900, true) }));
        let Event::EvaluationCompleted(last) = evaluation(900, true) else { panic!("an evaluation") };
        let evaluated = Event::EvaluationCompleted(Box::new(EvaluationCompleted { run_id: heirs[1], ..*last }));
        assert_eq!(take_in(evaluated), (heirs[1], Some(true)));
    }
}
