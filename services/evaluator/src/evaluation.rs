//! One evaluation of one policy, from its weights to the event.

use crate::Evaluator;
use crate::baselines::contest;
use crate::contest::{Played, PolicyOrigin, play_policy};
use crate::error::{Error, Result};
use contracts::events::{BlobRef, CheckpointCreated, EvaluationCompleted, ModelRegistered, RunRequested, Split};
use contracts::{CheckpointId, Envelope, EvaluationId, Event, EventId, RunId};
use experiments::{References, agent_score};
use learner::{Policy, Selection};
use std::time::Instant;

/// What is to be evaluated, besides the policy.
pub struct Assignment {
    pub evaluation_id: EvaluationId,
    /// Number of the first episode in the archive.
    pub first_episode: u64,
    pub episodes: u32,
}

/// The policy that is to be evaluated.
pub struct Candidate {
    pub origin: PolicyOrigin,
    pub policy: BlobRef,
    pub timestep: u64,
    pub is_last: bool,
}

impl From<&CheckpointCreated> for Candidate {
    fn from(created: &CheckpointCreated) -> Self {
        Self {
            origin: PolicyOrigin { id: created.checkpoint_id, updates: u32::try_from(created.update).ok() },
            policy: created.policy.clone(),
            timestep: created.timestep,
            is_last: created.is_last,
        }
    }
}

impl From<&ModelRegistered> for Candidate {
    fn from(model: &ModelRegistered) -> Self {
        let origin = PolicyOrigin { id: CheckpointId(model.file_id.0), updates: None };
        Self { origin, policy: model.blob.clone(), timestep: 0, is_last: false }
    }
}

impl Evaluator {
    /// The request of a run, with its configuration.
    pub(crate) async fn run(&self, run: RunId) -> Result<RunRequested> {
        let unknown = || Error::Evaluation { code: "unknown_run", message: format!("there is no run {run}") };
        self.log.run_request(run).await?.ok_or_else(unknown)
    }

    /// The policy in a blob whose bytes are what the event says.
    async fn policy(&self, blob: &BlobRef) -> Result<Policy> {
        let weights = match self.store.get_recorded(&blob.uri, &blob.sha256).await {
            Err(error) if error.is_not_found() => return Err(Error::evaluation("blob_missing", error)),
            Err(error) if error.is_corrupt() => return Err(Error::evaluation("blob_corrupt", error)),
            other => other?,
        };
        Policy::from_safetensors(&weights).map_err(|error| Error::evaluation("weights_unreadable", error))
    }

    /// Plays the candidate against the protocol of its run's world and appends the result.
    pub(crate) async fn evaluate(
        &self,
        run: &RunRequested,
        candidate: &Candidate,
        assignment: &Assignment,
        cause: &Envelope,
    ) -> Result<()> {
        let began = Instant::now();
        let world = &run.config.world;
        let protocol = experiments::protocol(world, assignment.episodes)?;
        let policy = self.policy(&candidate.policy).await?;
        let agents = self.baselines(run.run_id, world, &protocol, cause).await?;
        let contest = contest(world, &protocol)?;
        let (origin, first_episode) = (candidate.origin, assignment.first_episode);
        let playing = tokio::task::spawn_blocking(move || -> Result<(Played, Played)> {
            let sampled = Selection::Sampled { seed: contest.seed };
            Ok((
                play_policy(&policy, sampled, &contest, &origin, first_episode)?,
                play_policy(
                    &policy,
                    Selection::ArgMax,
                    &contest,
                    &origin,
                    first_episode + u64::from(contest.episodes),
                )?,
            ))
        });
        let (sampled, argmax) = playing.await??;
        let score = |played: &Played| {
            let references = References::of_scores(&agents)?;
            agent_score("policy", &played.evaluation, &references)
        };
        let nothing = || Error::Evaluation { code: "no_episode", message: "the protocol has no episode".to_owned() };
        let completed = EvaluationCompleted {
            run_id: run.run_id,
            evaluation_id: assignment.evaluation_id,
            checkpoint_id: candidate.origin.id,
            timestep: candidate.timestep,
            protocol,
            sampled: score(&sampled).ok_or_else(nothing)?,
            argmax: score(&argmax).ok_or_else(nothing)?,
            is_last: candidate.is_last,
            duration_seconds: began.elapsed().as_secs_f64(),
        };
        let segments = sampled.segments.into_iter().chain(argmax.segments).collect();
        self.record(run.run_id, Split::Eval, &assignment.evaluation_id.to_string(), segments).await?;
        let id = EventId(run.run_id.derive(&format!("evaluated/{}", assignment.evaluation_id)));
        let threat = completed.sampled.mean_threat.mean;
        self.append(&Event::EvaluationCompleted(Box::new(completed)), id, cause).await?;
        self.metrics.evaluations.inc();
        self.metrics.evaluation_seconds.observe(began.elapsed().as_secs_f64());
        tracing::info!(run.id = %run.run_id, checkpoint.id = %candidate.origin.id, mean_threat = threat, "evaluated a checkpoint");
        Ok(())
    }
}
