use crate::sample::*;
use contracts::commands::StartEvaluation;
use contracts::events::{BlobRef, EvaluationRequested, ModelDeleted, ModelRegistered};
use contracts::{CheckpointId, EvaluationId, Event, FileId};
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
    let message = format!("there is no checkpoint or model {unknown}");
    when(started, &command(Some(unknown))).then_rejected(not_found("/checkpoint_id", message));
    let deleted = vec![requested(), checkpoint_created(1), deleted()];
    when(deleted, &command(None)).then_rejected(not_found("/run_id", format!("there is no run {RUN}")));
}

#[test]
fn an_uploaded_model_is_evaluated_in_the_world_of_a_run_until_it_is_deleted() {
    let model = FileId(Uuid::from_u128(77));
    let wanted = Some(CheckpointId(model.0));
    // The run needs no checkpoint of its own.
    let history = vec![requested(), model_registered(model)];
    when(history.clone(), &command(wanted)).then([evaluation_requested(wanted)]);
    let message = format!("there is no checkpoint or model {model}");
    let deleted = Event::ModelDeleted(ModelDeleted { file_id: model });
    let history = [history, vec![deleted]].concat();
    when(history, &command(wanted)).then_rejected(not_found("/checkpoint_id", message));
}

fn model_registered(file_id: FileId) -> Event {
    Event::ModelRegistered(Box::new(ModelRegistered {
        run_id: None,
        file_id,
        original_filename: "model.safetensors".into(),
        blob: BlobRef { uri: format!("models/{file_id}.safetensors"), sha256: "0".repeat(64), bytes: 1, rows: None },
        description: None,
        metadata: None,
    }))
}

#[test]
fn an_id_is_used_once() {
    let history = vec![requested(), started(), checkpoint_created(1), evaluation_requested(None)];
    let message = format!("evaluation {EVALUATION} was requested already");
    when(history, &command(None)).then_rejected(conflict(message));
}
