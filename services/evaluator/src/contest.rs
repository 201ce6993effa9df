//! Playing the held-out episodes: pure computation, off the async threads.

use crate::error::{Error, Result};
use contracts::CheckpointId;
use environment::agents::ScriptedAgent;
use environment::evaluation::{BatchActor, Evaluation, Protocol, ScriptedActor};
use experiments::EpisodeOrigin;
use learner::{Policy, RolloutRecord, Selection};
use trajectories::Recording;

/// Episodes recorded side by side: bounds the memory of a record.
const SIDE_BY_SIDE: u32 = 8;

/// How one actor did, and its episodes for the archive.
pub struct Played {
    pub evaluation: Evaluation,
    /// Encoded segments in order.
    pub segments: Vec<bytes::Bytes>,
}

/// Where a policy comes from, as the archive says it.
#[derive(Clone, Copy)]
pub struct PolicyOrigin {
    /// Of its checkpoint, or of the uploaded model.
    pub id: CheckpointId,
    /// Updates behind it, if it is of the run.
    pub updates: Option<u32>,
}

/// Plays all episodes of the protocol; in the archive they are numbered from `first_episode`.
pub fn play(
    actor: &mut dyn BatchActor,
    protocol: &Protocol,
    origin: &EpisodeOrigin<'_>,
    first_episode: u64,
) -> Result<Played> {
    let mut record = RolloutRecord::default();
    let (mut summaries, mut segments) = (Vec::new(), Vec::new());
    for first in (0..protocol.episodes).step_by(SIDE_BY_SIDE as usize) {
        let episodes = first..protocol.episodes.min(first + SIDE_BY_SIDE);
        let failed = |error| Error::evaluation("invalid_world", error);
        experiments::play(actor, protocol, episodes, &mut record).map_err(failed)?;
        summaries.extend(record.finished.iter().map(|episode| episode.summary.clone()));
        number_from(&mut record, first_episode);
        segments.extend(experiments::segments(&record, origin, Recording::Full)?);
    }
    Ok(Played { evaluation: Evaluation::new(actor.name(), summaries), segments })
}

/// Plays a policy, actions drawn from its distribution or the most probable ones.
pub fn play_policy(
    policy: &Policy,
    selection: Selection,
    protocol: &Protocol,
    policy_origin: &PolicyOrigin,
    first_episode: u64,
) -> Result<Played> {
    let mut player = policy.actor(selection);
    let agent = match selection {
        Selection::Sampled { .. } => "policy-sampled",
        Selection::ArgMax => "policy-argmax",
    };
    let (checkpoint_id, policy_version) = (Some(policy_origin.id.to_string()), policy_origin.updates);
    let origin = EpisodeOrigin { agent, checkpoint_id, policy_version, has_estimates: true };
    play(&mut player, protocol, &origin, first_episode)
}

/// Plays a scripted agent.
pub fn play_script(script: ScriptedAgent, protocol: &Protocol, first_episode: u64) -> Result<Played> {
    let mut actor = ScriptedActor::new(script);
    let origin =
        EpisodeOrigin { agent: script.name(), checkpoint_id: None, policy_version: None, has_estimates: false };
    play(&mut actor, protocol, &origin, first_episode)
}

fn number_from(record: &mut RolloutRecord, first_episode: u64) {
    for environment in &mut record.environments {
        environment.steps.iter_mut().for_each(|row| row.episode_index += first_episode);
        environment.events.iter_mut().for_each(|row| row.episode_index += first_episode);
    }
    record.finished.iter_mut().for_each(|episode| episode.episode_index += first_episode);
}
