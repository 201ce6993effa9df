//! A run trained again from its log alone: the same configuration and, where actors played while the learner learned,
//! the same order of consumption. Every checkpoint has to come out with the recorded digest.

use crate::claim::Claim;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::{Config, order, start};
use contracts::RunId;
use contracts::config::Actors;
use contracts::events::CheckpointCreated;
use event_log::EventLog;
use learner::a3c::AsyncRun;
use learner::{LearnerError, RolloutRecord};
use trajectories::ObjectStore;
use trajectories::store::sha256;

/// What became of a replay.
#[derive(Clone, Debug)]
pub struct Report {
    pub updates: u64,
    pub robot_steps: u64,
    pub checkpoints: Vec<Compared>,
}

/// A checkpoint of the run and of its replay: SHA-256 over policy and resume state.
#[derive(Clone, Debug)]
pub struct Compared {
    pub update: u64,
    pub recorded: String,
    pub replayed: String,
}

impl Report {
    pub fn is_identical(&self) -> bool {
        self.checkpoints.iter().all(|checkpoint| checkpoint.recorded == checkpoint.replayed)
    }
}

/// Trains `run` again up to its newest checkpoint; `progress` hears of every update. Nothing is written anywhere.
///
/// # Errors
/// When the log holds no such run or no checkpoint of it, or a segment comes out differently.
pub async fn replay(config: &Config, run: RunId, progress: impl Fn(u64) + Send + 'static) -> Result<Report> {
    let log = EventLog::connect(config.event_log.clone()).await?;
    let store = ObjectStore::open(&config.store_url)?;
    let checkpoints = checkpoints(&log, run).await?;
    let claim = Claim::new(&start::requested(&log, run).await?);
    let material = start::material(&log, &store, &claim).await?;
    let overlapped = claim.config.learning.actors != Actors::InTurns;
    let past = order::after(&log, run, 0).await?;
    let (threads, code) = (config.threads, material.code());
    let work = move || -> Result<Report> {
        let failed = |error| Error::run(code, error);
        let engine = if overlapped {
            let learner = material.overlapped(threads, false).map_err(failed)?;
            let run = AsyncRun::start(learner, past, 1).map_err(|error| Error::run("no_thread", error))?;
            Engine::Overlapped(Box::new(run))
        } else {
            Engine::InTurns(Box::new(material.in_turns(threads).map_err(failed)?))
        };
        train(engine, checkpoints, progress).map_err(|error| Error::run("replay_diverged", error))
    };
    tokio::task::spawn_blocking(work).await?
}

fn train(
    mut engine: Engine,
    checkpoints: Vec<CheckpointCreated>,
    progress: impl Fn(u64),
) -> Result<Report, LearnerError> {
    let mut record = RolloutRecord { without_steps: true, ..RolloutRecord::default() };
    let mut compared = Vec::with_capacity(checkpoints.len());
    for created in checkpoints {
        while engine.run().updates_done() < created.update {
            progress(engine.update(&mut record, false)?.report.update);
        }
        let checkpoint = engine.checkpoint()?;
        let replayed = sha256(&[checkpoint.policy.as_slice(), checkpoint.resume.as_slice()].concat());
        compared.push(Compared { update: created.update, recorded: created.digest, replayed });
    }
    let (updates, robot_steps) = (engine.run().updates_done(), engine.run().steps_done());
    Ok(Report { updates, robot_steps, checkpoints: compared })
}

/// The run's checkpoints; without any there is nothing to compare with.
async fn checkpoints(log: &EventLog, run: RunId) -> Result<Vec<CheckpointCreated>> {
    let created = log.checkpoints(run).await?;
    if created.is_empty() {
        let message = format!("run {run} has no checkpoint to compare with");
        return Err(Error::Run { code: "no_checkpoint", message });
    }
    Ok(created)
}
