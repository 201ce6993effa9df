//! Building a run's learner: new, from given weights, or from its last checkpoint.

use crate::Trainer;
use crate::claim::Claim;
use crate::error::{Error, Result};
use bytes::Bytes;
use contracts::Event;
use contracts::config::RunConfig;
use contracts::events::{BlobRef, CheckpointCreated};
use learner::{Checkpoint, Learner};
use trajectories::store::sha256;

/// Threads for a run: as many as it asks for, or what this trainer has when it leaves the choice (one worker).
pub fn threads(config: &RunConfig, available: usize) -> usize {
    match config.learning.num_workers {
        0 | 1 => available,
        asked => asked as usize,
    }
}

/// The learner of a claimed run, where it stands.
///
/// # Errors
/// [`Error::Run`] when the run can never be trained: wrong settings, unreadable weights or checkpoint.
pub async fn learner(trainer: &Trainer, claim: &Claim) -> Result<Learner> {
    let config = &claim.config;
    let world = experiments::world_config(&config.world).map_err(|error| Error::run("invalid_world", error))?;
    let ppo = experiments::ppo_config(config).map_err(|error| Error::run("invalid_settings", error))?;
    let threads = threads(config, trainer.config.threads);
    let seed = config.seed;
    if let Some(created) = &claim.checkpoint {
        let checkpoint = checkpoint(trainer, created).await?;
        let resume = move || Learner::resume(world, ppo, seed, threads, &checkpoint);
        return build("checkpoint_unreadable", resume).await;
    }
    match &claim.init_from {
        Some(source) => {
            let policy = weights(trainer, source).await?;
            build("weights_unreadable", move || Learner::init_from(world, ppo, seed, threads, &policy)).await
        }
        None => build("invalid_world", move || Learner::new(world, ppo, seed, threads)).await,
    }
}

async fn build(
    code: &'static str,
    learner: impl FnOnce() -> Result<Learner, learner::LearnerError> + Send + 'static,
) -> Result<Learner> {
    tokio::task::spawn_blocking(learner).await?.map_err(|error| Error::run(code, error))
}

async fn checkpoint(trainer: &Trainer, created: &CheckpointCreated) -> Result<Checkpoint> {
    let policy = blob(trainer, &created.policy).await?.to_vec();
    let resume = blob(trainer, &created.resume).await?.to_vec();
    Ok(Checkpoint { policy, resume })
}

/// Weights by checkpoint id or uploaded file id.
async fn weights(trainer: &Trainer, source: &str) -> Result<Bytes> {
    let unknown =
        || Error::Run { code: "unknown_weights", message: format!("`{source}` names no checkpoint or model") };
    let id: uuid::Uuid = source.parse().map_err(|_| unknown())?;
    for filter in ["patrol.evt.training.*.checkpoint_created", "patrol.evt.archive.*.model_registered"] {
        for recorded in trainer.log.load(filter).await?.into_iter().rev() {
            let found = match recorded.event()? {
                Event::CheckpointCreated(created) if created.checkpoint_id.0 == id => Some(created.policy),
                Event::ModelRegistered(model) if model.file_id.0 == id => Some(model.blob),
                _ => None,
            };
            if let Some(found) = found {
                return blob(trainer, &found).await;
            }
        }
    }
    Err(unknown())
}

/// A blob whose bytes are what the event says.
async fn blob(trainer: &Trainer, reference: &BlobRef) -> Result<Bytes> {
    let bytes = match trainer.store.get(&reference.uri).await {
        Err(error) if error.is_not_found() => return Err(Error::run("blob_missing", error)),
        other => other?,
    };
    if sha256(&bytes) != reference.sha256 {
        let message = format!("`{}` does not have the recorded SHA-256", reference.uri);
        return Err(Error::Run { code: "blob_corrupt", message });
    }
    Ok(bytes)
}
