//! One run from the claim to its end, pause, loss or hand-over.

use crate::claim::{Claim, Control, MOST_FRUITLESS_STARTS, Request, claim};
use crate::computation::{Computation, Ending, Update};
use crate::engine::Computed;
use crate::error::{Error, Result};
use crate::fence::Fence;
use crate::judge::{self, Judge};
use crate::progress::Progress;
use crate::recorder::Recorder;
use crate::remote::Reception;
use crate::{Trainer, order, start};
use bytes::Bytes;
use contracts::config::Actors;
use contracts::events::{
    BlobRef, CheckpointCreated, CheckpointRef, Outcome, RunCompleted, RunFailed, RunPaused, RunStarted,
};
use contracts::{CheckpointId, Envelope, Event, RunId, subjects};
use event_log::{EventReader, NewEvent, ReadOptions};
use futures::StreamExt;
use learner::{Checkpoint, LearnerError};
use service_runtime::Lifecycle;
use std::time::{Duration, Instant};
use trajectories::store::sha256;

/// Live frames per second are at most ten.
const FRAME_EVERY: Duration = Duration::from_millis(100);

/// How a session ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is left to do: the run has ended, paused, or was never to be trained.
    Settled,
    /// This process is shutting down; another trainer goes on from the last checkpoint.
    HandedOver,
}

/// Claims `run` and trains it.
///
/// # Errors
/// What may pass: the run is offered again. A run that cannot be trained at all fails by an event instead.
pub async fn train(trainer: &Trainer, run: RunId, cause: Envelope, lifecycle: &Lifecycle) -> Result<Ended> {
    let Some((claim, mut fence)) = take_over(trainer, run, cause).await? else {
        return Ok(Ended::Settled);
    };
    let trained = match (claim.finished(), claim.fruitless_starts()) {
        (Some(completed), _) => finish(trainer, &mut fence, completed).await,
        (None, starts) if starts >= MOST_FRUITLESS_STARTS => Err(hopeless(starts)),
        _ => Session::run(trainer, run, &claim, &mut fence, lifecycle).await,
    };
    match trained {
        Err(Error::Lost) => {
            trainer.metrics.runs_lost.inc();
            tracing::warn!(run.id = %run, "the run has another owner or has ended; letting go");
            Ok(Ended::Settled)
        }
        Err(Error::Run { code, message }) => {
            tracing::error!(run.id = %run, code, "the run failed: {message}");
            let timestep = claim.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.timestep);
            let failed = Event::RunFailed(RunFailed { run_id: run, timestep, code: code.to_owned(), message });
            let event = fence.envelop(&failed, &format!("failed/{}", trainer.ids.next_id()))?;
            fence.append(&[event]).await?;
            Ok(Ended::Settled)
        }
        other => other,
    }
}

/// Says what the trainer could not say any more that stored the last checkpoint.
async fn finish(trainer: &Trainer, fence: &mut Fence, completed: RunCompleted) -> Result<Ended> {
    let run = completed.run_id;
    let event = fence.envelop(&Event::RunCompleted(completed), &format!("completed/{}", trainer.ids.next_id()))?;
    let sequence = fence.append(&[event]).await?;
    tracing::info!(run.id = %run, stream.sequence = sequence, "the run had been trained to its end");
    Ok(Ended::Settled)
}

/// A run that ends its trainers is not offered for ever; its checkpoints remain to start another run from.
fn hopeless(starts: usize) -> Error {
    let message = format!("{starts} trainers in a row started it and ended without a checkpoint");
    Error::Run { code: "no_progress", message }
}

/// Appends `run.started` with the expected version; `None` when there is nothing to train.
async fn take_over(trainer: &Trainer, run: RunId, cause: Envelope) -> Result<Option<(Claim, Fence)>> {
    loop {
        let lifecycle = trainer.log.load(&subjects::run_lifecycle(run)).await?;
        let sequence = lifecycle.last().map_or(0, |event| event.sequence);
        let checkpoints = trainer.log.load(&subjects::event("training", Some(run), "checkpoint_created")).await?;
        let events = lifecycle.iter().chain(&checkpoints).map(|recorded| recorded.event());
        let Some(claim) = claim(&events.collect::<Result<Vec<_>, _>>()?) else {
            return Ok(None);
        };
        let identity = &trainer.identity;
        let started = Event::RunStarted(RunStarted {
            run_id: run,
            trainer_id: identity.trainer_id.clone(),
            resumed_from: claim.checkpoint.as_ref().map(reference),
            binary_sha256: identity.binary_sha256.clone(),
            cpu_features: identity.cpu_features.clone(),
            threads: start::threads(&claim.config, trainer.config.threads) as u32,
        });
        let (log, clock) = (trainer.log.clone(), trainer.clock.clone());
        let mut fence = Fence::new(log, clock, run, identity.trainer_id.clone(), cause.clone(), sequence);
        let event = fence.envelop(&started, &format!("started/{}", trainer.ids.next_id()))?;
        match fence.append(&[event]).await {
            Ok(sequence) => {
                let from = claim.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.timestep);
                tracing::info!(run.id = %run, stream.sequence = sequence, timestep = from, "training a run");
                if let Some(request) = claim.pending {
                    fence.ask(Control::Asked(request));
                }
                return Ok(Some((claim, fence)));
            }
            // Somebody else was faster; whether there is still something to do is for the history to say.
            Err(Error::Lost) => {}
            Err(error) => return Err(error),
        }
    }
}

fn reference(checkpoint: &CheckpointCreated) -> CheckpointRef {
    CheckpointRef { checkpoint_id: checkpoint.checkpoint_id, update: checkpoint.update, timestep: checkpoint.timestep }
}

/// A run in training.
struct Session<'a> {
    trainer: &'a Trainer,
    run: RunId,
    fence: &'a mut Fence,
    computation: Computation,
    recorder: Recorder,
    progress: Progress,
    /// Events that wait for the next append.
    pending: Vec<NewEvent>,
    checkpoint: Option<(CheckpointRef, String)>,
    episodes: u64,
    frame: Instant,
    judge: Judge,
}

impl<'a> Session<'a> {
    async fn run(
        trainer: &'a Trainer,
        run: RunId,
        claim: &Claim,
        fence: &'a mut Fence,
        lifecycle: &Lifecycle,
    ) -> Result<Ended> {
        let next_segment = claim.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.next_segment);
        let recorder = Recorder::new(trainer, run, &claim.config, next_segment);
        let engine = start::engine(trainer, run, claim, recorder.records_steps()).await?;
        let remote = claim.config.learning.actors == Actors::Nats;
        let reception = match engine.door().filter(|_| remote) {
            Some(door) => Some(Reception::open(&trainer.log, run, door).await?),
            None => None,
        };
        let checkpoint_every = u64::from(claim.config.learning.checkpoint_every_updates);
        let mut session = Session {
            trainer,
            run,
            fence,
            progress: Progress::new(run, &claim.config, engine.run().steps_done(), Instant::now()),
            pending: Vec::new(),
            checkpoint: claim.checkpoint.as_ref().map(|created| (reference(created), created.digest.clone())),
            episodes: claim.checkpoint.as_ref().map_or(0, |created| created.episodes_completed),
            frame: Instant::now(),
            judge: Judge::of(&trainer.log, run, claim.config.evaluation.clone()).await?,
            computation: Computation::start(engine, checkpoint_every, recorder.records_steps())
                .map_err(|error| Error::run("no_thread", error))?,
            recorder,
        };
        trainer.metrics.runs_in_progress.inc();
        let ended = session.follow(lifecycle).await;
        drop(reception);
        trainer.metrics.runs_in_progress.dec();
        ended
    }

    /// Publishes updates as they come and obeys what clients ask for.
    async fn follow(&mut self, lifecycle: &Lifecycle) -> Result<Ended> {
        let draining = lifecycle.draining();
        let mut news = self.news();
        let mut handing_over = false;
        self.obey();
        loop {
            tokio::select! {
                update = self.computation.next() => {
                    let Some(update) = update else { break };
                    let update = update.map_err(failed)?;
                    if self.take_in(update).await? {
                        break;
                    }
                }
                Some(event) = news.next() => {
                    self.hear(&event?.event()?).await?;
                }
                () = draining.cancelled(), if !handing_over => {
                    handing_over = true;
                    self.computation.end(Ending::WithCheckpoint);
                }
            }
        }
        if self.is_complete() || self.judge.ends_it() || matches!(self.fence.control(), Control::Asked(_)) {
            self.conclude().await?;
            return Ok(Ended::Settled);
        }
        Ok(Ended::HandedOver)
    }

    /// Lifecycle events of this run from now on, and its evaluations.
    fn news(&self) -> EventReader {
        let options = ReadOptions::follow(self.fence.sequence() + 1);
        self.trainer.log.read(options.filtered([subjects::run_lifecycle(self.run), judge::evaluations(self.run)]))
    }

    async fn hear(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::EvaluationCompleted(evaluation) => self.judge.take_in(evaluation),
            _ => self.fence.refresh().await?,
        }
        self.obey();
        Ok(())
    }

    fn obey(&self) {
        match self.fence.control() {
            Control::Continue if self.judge.ends_it() => self.computation.end(Ending::WithCheckpoint),
            Control::Continue => {}
            Control::Asked(Request::Stop { force: true }) | Control::Lost => self.computation.end(Ending::Abandoned),
            Control::Asked(_) => self.computation.end(Ending::WithCheckpoint),
        }
    }

    /// Publishes one update; true when it was the last.
    async fn take_in(&mut self, update: Update) -> Result<bool> {
        let Update { computed, record, checkpoint, environment, last } = update;
        self.note_order(&computed).await?;
        let report = computed.report;
        let metrics = &self.trainer.metrics;
        metrics.updates.inc();
        metrics.robot_steps.inc_by(report.rollout_steps);
        metrics.robot_steps_per_second.set(report.rollout_steps as f64 / report.timings.wall.as_secs_f64().max(1e-9));
        self.episodes = report.episodes_finished;
        let now = Instant::now();
        let episodes = self.progress.take_in(&report, &record.finished);
        let progressed = self.progress.report(&report, now, last);
        let due = progressed.is_some() || checkpoint.is_some();
        for (name, event) in episodes.into_iter().chain(progressed) {
            self.pending.push(self.fence.envelop(&event, &name)?);
        }
        let record = self.recorder.publish(record, report.update, last).await?;
        self.computation.reuse(record);
        if let Some(checkpoint) = checkpoint {
            let ends = report.steps_done >= report.total_steps || self.judge.ends_it();
            self.store(checkpoint, &report, last && ends).await?;
        }
        if due {
            self.flush().await?;
        }
        if now.duration_since(self.frame) >= FRAME_EVERY {
            self.frame = now;
            self.publish_frame(&environment).await?;
        }
        Ok(last)
    }

    /// Puts the order in which an update consumed its segments into the log. Everything else that is published of an
    /// update comes after it, so that whoever goes on with the run repeats what others have seen.
    async fn note_order(&mut self, computed: &Computed) -> Result<()> {
        if computed.order.is_empty() || computed.replayed {
            return Ok(());
        }
        let update = computed.report.update;
        let event = Event::SegmentsConsumed(order::event(self.run, update, &computed.order));
        let event = self.fence.envelop(&event, &format!("segments/{update}"))?;
        self.fence.append(&[event]).await?;
        Ok(())
    }

    /// Stores a checkpoint; its event follows with the next flush. Every segment before it is stored first, so that a
    /// resumed run never leaves a gap in the archive.
    async fn store(&mut self, checkpoint: Checkpoint, report: &learner::UpdateReport, is_last: bool) -> Result<()> {
        let began = Instant::now();
        let checkpoint_id = CheckpointId::of(self.run, report.update);
        self.recorder.settle().await?;
        let digest = sha256(&[checkpoint.policy.as_slice(), checkpoint.resume.as_slice()].concat());
        let created = CheckpointCreated {
            run_id: self.run,
            checkpoint_id,
            update: report.update,
            timestep: self.progress.timestep(report.steps_done),
            episodes_completed: report.episodes_finished,
            policy: self.put(checkpoint_id, "policy", checkpoint.policy).await?,
            resume: self.put(checkpoint_id, "resume", checkpoint.resume).await?,
            digest: digest.clone(),
            next_segment: self.recorder.next_segment(),
            mean_threat: report.recent_mean_threat,
            is_last,
        };
        self.checkpoint = Some((reference(&created), digest));
        let name = format!("checkpoint/{}", report.update);
        self.pending.push(self.fence.envelop(&Event::CheckpointCreated(Box::new(created)), &name)?);
        self.trainer.metrics.checkpoints.inc();
        self.trainer.metrics.checkpoint_seconds.observe(began.elapsed().as_secs_f64());
        Ok(())
    }

    async fn put(&self, checkpoint: CheckpointId, part: &str, bytes: Vec<u8>) -> Result<BlobRef> {
        let key = format!("checkpoints/{}/{checkpoint}.{part}.safetensors", self.run);
        let stored = self.trainer.store.put(&key, Bytes::from(bytes)).await?;
        Ok(BlobRef { uri: stored.key, sha256: stored.sha256, bytes: stored.bytes, rows: None })
    }

    async fn flush(&mut self) -> Result<()> {
        for batch in self.pending.chunks(event_log::MAX_BATCH) {
            self.fence.append(batch).await?;
        }
        self.pending.clear();
        Ok(())
    }

    async fn publish_frame(&self, environment: &environment::Environment) -> Result<()> {
        let frame = experiments::live_frame(self.run, environment);
        Ok(self.trainer.log.publish_live(self.run, Bytes::from(serde_json::to_vec(&frame)?)).await?)
    }

    fn is_complete(&self) -> bool {
        let timestep = self.checkpoint.as_ref().map_or(0, |(reference, _)| reference.timestep);
        timestep >= self.progress.total_timesteps()
    }

    /// Appends the event that ends this session: completed, stopped or paused.
    async fn conclude(&mut self) -> Result<()> {
        self.flush().await?;
        self.recorder.settle().await?;
        let checkpoint = self.checkpoint.clone();
        let timestep = checkpoint.as_ref().map_or(0, |(reference, _)| reference.timestep);
        let paused = !self.is_complete() && self.fence.control() == Control::Asked(Request::Pause);
        let event = if paused {
            let checkpoint = checkpoint.map(|(reference, _)| reference);
            Event::RunPaused(RunPaused { run_id: self.run, timestep, checkpoint })
        } else {
            let outcome = match self.fence.control() {
                _ if self.is_complete() => Outcome::Finished,
                Control::Continue => Outcome::EarlyStopped,
                _ => Outcome::Stopped,
            };
            let (checkpoint, digest) = checkpoint.unzip();
            let episodes_completed = self.episodes;
            Event::RunCompleted(RunCompleted {
                run_id: self.run,
                outcome,
                timestep,
                episodes_completed,
                checkpoint,
                digest,
            })
        };
        let name = format!("{}/{}", event.kind(), self.trainer.ids.next_id());
        let event = self.fence.envelop(&event, &name)?;
        let sequence = self.fence.append(&[event]).await?;
        tracing::info!(run.id = %self.run, stream.sequence = sequence, timestep, paused, "let go of a run");
        Ok(())
    }
}

fn failed(error: LearnerError) -> Error {
    match error {
        LearnerError::Diverged { .. } | LearnerError::UnknownPolicy { .. } | LearnerError::Stale { .. } => {
            Error::run("replay_diverged", error)
        }
        error => Error::run("training_failed", error),
    }
}
