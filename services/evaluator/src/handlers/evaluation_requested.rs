//! A client asked for an evaluation: of the checkpoint or model it named, or the newest checkpoint.

use crate::Evaluator;
use crate::error::{Error, Result};
use crate::evaluation::{Assignment, Candidate};
use contracts::events::EvaluationRequested;
use contracts::{Event, FileId, RecordedEvent, subjects};

/// Requested evaluations are numbered behind all those of checkpoints.
const FIRST_REQUESTED_EPISODE: u64 = 1 << 40;
/// Episodes reserved for one request: sampled and arg-max, at most 1000 each.
const EPISODES_PER_REQUEST: u64 = 2000;

pub async fn evaluation_requested(
    evaluator: &Evaluator,
    requested: &EvaluationRequested,
    recorded: &RecordedEvent,
) -> Result<()> {
    let run = evaluator.run(requested.run_id).await?;
    let candidate = candidate(evaluator, requested).await?;
    let assignment = Assignment {
        evaluation_id: requested.evaluation_id,
        first_episode: FIRST_REQUESTED_EPISODE + recorded.sequence * EPISODES_PER_REQUEST,
        episodes: requested.episodes,
    };
    evaluator.evaluate(&run, &candidate, &assignment, &recorded.envelope).await
}

/// The checkpoint that was asked for, or the newest; else the uploaded model of that id.
async fn candidate(evaluator: &Evaluator, requested: &EvaluationRequested) -> Result<Candidate> {
    let subject = subjects::event("training", Some(requested.run_id), "checkpoint_created");
    for recorded in evaluator.log.load(&subject).await?.into_iter().rev() {
        if let Event::CheckpointCreated(created) = recorded.event()?
            && requested.checkpoint_id.is_none_or(|id| id == created.checkpoint_id)
        {
            return Ok(created.as_ref().into());
        }
    }
    if let Some(id) = requested.checkpoint_id
        && let Some(model) = evaluator.log.model(FileId(id.0)).await?
    {
        return Ok((&model).into());
    }
    let message = "there is no such checkpoint of the run, and no such model".to_owned();
    Err(Error::Evaluation { code: "unknown_checkpoint", message })
}
