//! A checkpoint was created: evaluate it, unless a newer one makes it pointless.

use crate::Evaluator;
use crate::error::Result;
use crate::evaluation::Assignment;
use contracts::events::CheckpointCreated;
use contracts::{EvaluationId, Event, RecordedEvent, subjects};

pub async fn checkpoint_created(
    evaluator: &Evaluator,
    created: &CheckpointCreated,
    recorded: &RecordedEvent,
) -> Result<()> {
    if !created.is_last && superseded(evaluator, created, recorded).await? {
        evaluator.metrics.skipped.inc();
        return Ok(());
    }
    let run = evaluator.run(created.run_id).await?;
    let episodes = run.config.evaluation.episodes;
    let assignment = Assignment {
        evaluation_id: evaluation_of(created),
        // Sampled and arg-max episodes of each update follow one another.
        first_episode: created.update * 2 * u64::from(episodes),
        episodes,
    };
    evaluator.evaluate(&run, &created.into(), &assignment, &recorded.envelope).await
}

/// The evaluation that every checkpoint has without anybody asking.
pub fn evaluation_of(created: &CheckpointCreated) -> EvaluationId {
    EvaluationId(created.run_id.derive(&format!("evaluation/{}", created.checkpoint_id)))
}

/// Whether the run has a newer checkpoint.
async fn superseded(evaluator: &Evaluator, created: &CheckpointCreated, recorded: &RecordedEvent) -> Result<bool> {
    let subject = subjects::event("training", Some(created.run_id), "checkpoint_created");
    let Some(newest) = evaluator.log.last_event(&subject).await? else { return Ok(false) };
    match newest.event()? {
        Event::CheckpointCreated(newest_created) => {
            Ok(newest.sequence > recorded.sequence && newest_created.update > created.update)
        }
        _ => Ok(false),
    }
}
