use crate::sample::*;
use contracts::commands::StartEvaluation;
use contracts::events::EvaluationRequested;
use contracts::{CheckpointId, EvaluationId, Event};
use domain::evaluation::{Evaluations, decide, evolve};
use test_support::given;
use uuid::Uuid;

const EVALUATION: EvaluationId = EvaluationId(Uuid::from_u128(11));

fn command(checkpoint_id: Option<CheckpointId>) -> StartEvaluation {
    StartEvaluation { run_id: RUN, evaluation_id: None, checkpoint_id, episodes: None }
}

fn evaluation_requested(checkpoint_id: Option<CheckpointId>) -> Event {
    let evaluation_id = EVALUATION;
    Event::EvaluationRequested(EvaluationRequested { run_id: RUN, evaluation_id, checkpoint_id, episodes: 20 })
}

fn when(history: Vec<Event>, command: &StartEvaluation) -> test_support::Outcome<Event, contracts::Rejection> {
    given(evolve, history).when(|state: &Evaluations| decide(state, EVALUATION, command))
}

#[test]
fn a_known_checkpoint_or_the_newest_is_evaluated() {
    let history = vec![requested(), started(), checkpoint_created(1), checkpoint_created(2)];
    when(history.clone(), &command(None)).then([evaluation_requested(None)]);
    let first = Some(checkpoint(1).checkpoint_id);
    when(history, &command(first)).then([evaluation_requested(first)]);
}

#[test]
fn what_does_not_exist_is_not_evaluated() {
    when(vec![], &command(None)).then_rejected(not_found("/run_id", format!("there is no run {RUN}")));
    let started = vec![requested(), started()];
    let message = format!("run {RUN} is running and has no checkpoint yet");
    when(started.clone(), &command(None)).then_rejected(conflict(message));
    let unknown = checkpoint(9).checkpoint_id;
    let message = format!("there is no checkpoint {unknown}");
    when(started, &command(Some(unknown))).then_rejected(not_found("/checkpoint_id", message));
    let deleted = vec![requested(), checkpoint_created(1), deleted()];
    when(deleted, &command(None)).then_rejected(not_found("/run_id", format!("there is no run {RUN}")));
}

#[test]
fn an_id_is_used_once() {
    let history = vec![requested(), started(), checkpoint_created(1), evaluation_requested(None)];
    let message = format!("evaluation {EVALUATION} was requested already");
    when(history, &command(None)).then_rejected(conflict(message));
}
