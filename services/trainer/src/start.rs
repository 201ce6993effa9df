//! Building a run's engine: new, from given weights, or from its last checkpoint and what the log holds after it.

use crate::claim::Claim;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::{Trainer, order};
use bytes::Bytes;
use contracts::config::{Actors, PolicyType, RunConfig};
use contracts::events::{BlobRef, CheckpointCreated, RunRequested};
use contracts::{CheckpointId, FileId, RunId};
use environment::Worlds;
use event_log::EventLog;
use learner::a3c::{AsyncLearner, AsyncRun};
use learner::{Architecture, Checkpoint, Learner, LearnerError, Policy, PpoConfig};
use trajectories::ObjectStore;

/// The name of [`UNIVERSAL`] in commands.
const UNIVERSAL_NAME: &str = "universal";
/// The policy for every world that comes with this version; `models/universal.json` says where it comes from.
const UNIVERSAL: &[u8] = include_bytes!("../../../models/universal.safetensors");

/// Threads for a run: as many as it asks for, or what this trainer has when it leaves the choice (one worker).
pub fn threads(config: &RunConfig, available: usize) -> usize {
    match config.learning.num_workers {
        0 | 1 => available,
        asked => asked as usize,
    }
}

/// What computes a claimed run, where it stands; its actors write down their steps if it `records_steps`.
///
/// # Errors
/// [`Error::Run`] when the run can never be trained: wrong settings, unreadable weights or checkpoint.
pub async fn engine(trainer: &Trainer, run: RunId, claim: &Claim, records_steps: bool) -> Result<Engine> {
    let material = material(&trainer.log, &trainer.store, claim).await?;
    let threads = threads(&claim.config, trainer.config.threads);
    if claim.config.learning.actors == Actors::InTurns {
        let learner = build(material.code(), move || material.in_turns(threads)).await?;
        return Ok(Engine::InTurns(Box::new(learner)));
    }
    // The claim's `run.started` is in the log: no other trainer adds to the order any more.
    let done = claim.checkpoint.as_ref().map_or(0, |created| created.update);
    let past = order::after(&trainer.log, run, done).await?;
    if !past.is_empty() {
        tracing::info!(run.id = %run, segments = past.len(), "repeating what the log holds after the checkpoint");
    }
    let actors = claim.config.learning.num_workers.max(1) as usize;
    let threads = trainer.config.threads.saturating_sub(actors).max(1);
    let learner = build(material.code(), move || material.overlapped(threads, records_steps)).await?;
    let run = AsyncRun::start(learner, past, actors).map_err(|error| Error::run("no_thread", error))?;
    Ok(Engine::Overlapped(Box::new(run)))
}

/// How a run was asked for.
///
/// # Errors
/// [`Error::Run`] when the log holds no such run.
pub async fn requested(log: &EventLog, run: RunId) -> Result<RunRequested> {
    let unknown = || Error::Run { code: "unknown_run", message: format!("the log holds no run {run}") };
    log.run_request(run).await?.ok_or_else(unknown)
}

/// What a learner is built from.
pub struct Material {
    worlds: Worlds,
    settings: PpoConfig,
    seed: u64,
    segment_envs: usize,
    origin: Origin,
}

enum Origin {
    New,
    Weights(Bytes),
    Checkpoint(Checkpoint),
    /// The complete state of another run.
    OtherRun(Checkpoint),
}

/// Reads what a claimed run needs.
///
/// # Errors
/// As [`engine`].
pub async fn material(log: &EventLog, store: &ObjectStore, claim: &Claim) -> Result<Material> {
    let config = &claim.config;
    let origin = match (&claim.checkpoint, &claim.resume_from, &claim.init_from) {
        (Some(created), ..) => Origin::Checkpoint(checkpoint(store, created).await?),
        (None, Some(other), _) => Origin::OtherRun(checkpoint(store, &checkpoint_of_id(log, *other).await?).await?),
        (None, None, Some(source)) => Origin::Weights(weights(log, store, source).await?),
        (None, None, None) => Origin::New,
    };
    let material = Material {
        worlds: experiments::worlds(config).map_err(|error| Error::run("invalid_world", error))?,
        settings: experiments::ppo_config(config).map_err(|error| Error::run("invalid_settings", error))?,
        seed: config.seed,
        segment_envs: experiments::segment_envs(config),
        origin,
    };
    material.check_network(config.learning.hidden_size)?;
    Ok(material)
}

impl Material {
    /// Weights keep the network they have: a run that asks for another one is not what it was asked to be.
    fn check_network(&self, size: Option<u32>) -> Result<()> {
        let policy: &[u8] = match &self.origin {
            Origin::New => return Ok(()),
            Origin::Weights(policy) => policy,
            Origin::Checkpoint(checkpoint) | Origin::OtherRun(checkpoint) => &checkpoint.policy,
        };
        let policy = Policy::from_safetensors(policy).map_err(|error| Error::run(self.code(), error))?;
        let another = |message| Err(Error::Run { code: "another_network", message });
        let (asked, found) = (self.settings.architecture, policy.network().shape().architecture());
        if asked != found {
            let (asked, found) = (policy_type(asked), policy_type(found));
            return another(format!(
                "the policy to start from is a {found:?}, not a {asked:?}: ask for `policy_type` {found:?}"
            ));
        }
        match (size, policy.network().shape().hidden) {
            (Some(asked), found) if asked as usize != found => another(format!(
                "the policy to start from has hidden layers of {found} units, not of {asked}: leave out `hidden_size`"
            )),
            _ => Ok(()),
        }
    }

    /// What is wrong if nothing can be built of it.
    pub fn code(&self) -> &'static str {
        match self.origin {
            Origin::New => "invalid_world",
            Origin::Weights(_) => "weights_unreadable",
            Origin::Checkpoint(_) | Origin::OtherRun(_) => "checkpoint_unreadable",
        }
    }

    /// A learner that takes turns with its actors.
    pub fn in_turns(self, threads: usize) -> Result<Learner, LearnerError> {
        let Self { worlds, settings, seed, origin, .. } = self;
        match origin {
            Origin::New => Learner::new(worlds, settings, seed, threads),
            Origin::Weights(policy) => Learner::init_from(worlds, settings, seed, threads, &policy),
            Origin::Checkpoint(checkpoint) => Learner::resume(worlds, settings, seed, threads, &checkpoint),
            Origin::OtherRun(checkpoint) => Learner::branch(worlds, settings, seed, threads, &checkpoint),
        }
    }

    /// A learner whose actors play meanwhile, and write down their steps if `records_steps`.
    pub fn overlapped(self, threads: usize, records_steps: bool) -> Result<AsyncLearner, LearnerError> {
        let Self { worlds, settings, seed, segment_envs: envs, origin } = self;
        // A request for worlds of all kinds with such actors is refused.
        let world = worlds.base().clone();
        match origin {
            Origin::New => AsyncLearner::new(world, settings, seed, threads, envs, records_steps),
            Origin::Weights(policy) => {
                AsyncLearner::init_from(world, settings, seed, threads, envs, records_steps, &policy)
            }
            // A request that asks for the other run's state with such actors is refused.
            Origin::Checkpoint(checkpoint) | Origin::OtherRun(checkpoint) => {
                AsyncLearner::resume(world, settings, seed, threads, envs, records_steps, &checkpoint)
            }
        }
    }
}

fn policy_type(architecture: Architecture) -> PolicyType {
    match architecture {
        Architecture::Mlp => PolicyType::MlpPolicy,
        Architecture::Cnn => PolicyType::CnnPolicy,
    }
}

async fn build<T: Send + 'static>(
    code: &'static str,
    learner: impl FnOnce() -> Result<T, LearnerError> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(learner).await?.map_err(|error| Error::run(code, error))
}

async fn checkpoint_of_id(log: &EventLog, id: CheckpointId) -> Result<CheckpointCreated> {
    let unknown = || Error::Run { code: "unknown_checkpoint", message: format!("there is no checkpoint {id}") };
    log.checkpoint(id).await?.ok_or_else(unknown)
}

async fn checkpoint(store: &ObjectStore, created: &CheckpointCreated) -> Result<Checkpoint> {
    let policy = blob(store, &created.policy).await?.to_vec();
    let resume = blob(store, &created.resume).await?.to_vec();
    Ok(Checkpoint { policy, resume })
}

/// Weights by checkpoint id or uploaded file id, or those that come with this version.
async fn weights(log: &EventLog, store: &ObjectStore, source: &str) -> Result<Bytes> {
    if source == UNIVERSAL_NAME {
        return Ok(Bytes::from_static(UNIVERSAL));
    }
    let unknown =
        || Error::Run { code: "unknown_weights", message: format!("`{source}` names no checkpoint or model") };
    let id: uuid::Uuid = source.parse().map_err(|_| unknown())?;
    if let Some(created) = log.checkpoint(CheckpointId(id)).await? {
        return blob(store, &created.policy).await;
    }
    let model = log.model(FileId(id)).await?.ok_or_else(unknown)?;
    blob(store, &model.blob).await
}

/// A blob whose bytes are what the event says.
async fn blob(store: &ObjectStore, reference: &BlobRef) -> Result<Bytes> {
    match store.get_recorded(&reference.uri, &reference.sha256).await {
        Err(error) if error.is_not_found() => Err(Error::run("blob_missing", error)),
        Err(error) if error.is_corrupt() => Err(Error::run("blob_corrupt", error)),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::CommandId;
    use contracts::commands::StartRun;
    use environment::WorldConfig;
    use learner::Policy;
    use trajectories::store::sha256;

    /// It fits every team, and is the file that its provenance describes.
    #[test]
    fn the_universal_policy_fits_every_world() {
        for num_robots in 1..=10 {
            let worlds = Worlds::from(WorldConfig { num_robots, ..WorldConfig::default() });
            Policy::from_safetensors(UNIVERSAL).and_then(|policy| policy.for_worlds(&worlds)).expect("it fits");
        }
        let provenance = include_str!("../../../models/universal.json");
        let provenance: serde_json::Value = serde_json::from_str(provenance).expect("JSON");
        assert_eq!(provenance["sha256"], sha256(UNIVERSAL));
        assert!(UNIVERSAL.len() < 300_000);
        let policy = Policy::from_safetensors(UNIVERSAL).expect("a policy");
        let network = domain::run::UNIVERSAL_NETWORK;
        assert_eq!(Some(policy.network().shape().hidden as u32), network.hidden_size);
        assert_eq!(policy_type(policy.network().shape().architecture()), network.policy_type);
    }

    /// The command that it names asks for the configuration that it says: defaults have not moved on without the model.
    #[test]
    fn the_universal_policy_is_that_of_its_command() {
        let provenance: serde_json::Value =
            serde_json::from_str(include_str!("../../../models/universal.json")).expect("JSON");
        let recorded: RunConfig = serde_json::from_value(provenance["config"].clone()).expect("a configuration");
        let (steps, seed) = (recorded.learning.total_timesteps, recorded.seed);
        let command = format!("patrol run start --worlds universal --steps {steps} --seed {seed}");
        assert_eq!(provenance["command"], command);
        let start = serde_json::json!({ "total_timesteps": steps, "config": { "worlds": "universal", "seed": seed } });
        let start: StartRun = serde_json::from_value(start).expect("a command");
        let asked = domain::run_config::complete(&start, CommandId(uuid::Uuid::nil())).expect("a configuration");
        assert_eq!((&asked.world, asked.worlds), (&recorded.world, recorded.worlds));
        let settings = |config: &RunConfig| experiments::ppo_config(config).expect("settings");
        assert_eq!(settings(&asked), settings(&recorded));
    }
}
