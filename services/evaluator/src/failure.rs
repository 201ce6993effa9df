//! An evaluation that failed for good, as an event.

use crate::chain;
use crate::error::Error;
use crate::handlers::evaluation_of;
use contracts::Event;
use contracts::events::EvaluationFailed;

/// What to tell of `cause`, which asked for an evaluation; none if it did not.
pub fn failed(cause: &Event, error: &Error) -> Option<EvaluationFailed> {
    let (run_id, evaluation_id, checkpoint_id) = match cause {
        Event::CheckpointCreated(created) => (created.run_id, evaluation_of(created), Some(created.checkpoint_id)),
        Event::EvaluationRequested(requested) => (requested.run_id, requested.evaluation_id, requested.checkpoint_id),
        _ => return None,
    };
    let message = match error {
        Error::Evaluation { message, .. } => message.clone(),
        error => chain(error),
    };
    Some(EvaluationFailed { run_id, evaluation_id, checkpoint_id, code: error.code().to_owned(), message })
}
