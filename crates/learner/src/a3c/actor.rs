//! What an actor does: plays a lane for the length of a rollout with the policy that it has.
use std::sync::Arc;

use environment::{ObservationSpec, WorldConfig, WorldError};

use super::lane::{Lane, PolicyVersion, SegmentDigest};
use crate::kernels::Kernels;
use crate::network::NetworkShape;
use crate::ppo::PpoConfig;
use crate::rollout::buffer::RolloutShape;
use crate::rollout::collect::{Actor, Choices, LaneMemory, LaneTimings};

/// One lane's part of a rollout, played with one policy.
#[derive(Debug)]
pub struct ActorSegment {
    /// As it stands after the segment.
    pub lane: Lane,
    pub policy_version: u64,
    /// Who played it.
    pub actor: Arc<str>,
    pub digest: SegmentDigest,
    pub(crate) timings: LaneTimings,
}

/// An actor and its working memory.
#[derive(Debug)]
pub struct SegmentActor {
    name: Arc<str>,
    settings: ActorSettings,
    memory: LaneMemory,
}

/// What all actors of a run have in common.
#[derive(Clone, Debug)]
pub struct ActorSettings {
    pub(crate) observation: ObservationSpec,
    pub(crate) kernels: Kernels,
    pub(crate) network: NetworkShape,
    pub(crate) seed: u64,
    pub(crate) reward_scale: f32,
    pub(crate) mean_threat_coefficient: f32,
    pub(crate) calm_coefficient: f32,
    pub(crate) object_coefficient: f32,
    pub(crate) robots: usize,
    pub(crate) steps: usize,
    pub(crate) segment_envs: usize,
    pub(crate) recording: bool,
}

impl ActorSettings {
    pub(crate) fn new(
        world: &WorldConfig,
        config: &PpoConfig,
        seed: u64,
        segment_envs: usize,
        (network, observation): (NetworkShape, ObservationSpec),
        recording: bool,
    ) -> Self {
        Self {
            observation,
            kernels: Kernels::detect(),
            network,
            seed,
            reward_scale: if config.normalise_returns { 1.0 } else { config.reward_scale },
            mean_threat_coefficient: config.mean_threat_coefficient,
            calm_coefficient: config.calm_coefficient,
            object_coefficient: config.object_coefficient,
            robots: world.num_robots,
            steps: config.num_steps,
            segment_envs,
            recording,
        }
    }

    /// The shape of a segment of `environments`.
    pub(crate) fn shape(&self, environments: usize) -> RolloutShape {
        let (steps, robots, observation_len) = (self.steps, self.robots, self.observation.len());
        RolloutShape { num_envs: environments, steps, robots, observation_len }
    }
}

impl SegmentActor {
    pub fn new(name: Arc<str>, settings: ActorSettings) -> Self {
        let memory = LaneMemory::new(&settings.network, settings.segment_envs, settings.robots);
        Self { name, settings, memory }
    }

    /// Plays the next segment of `lane` with `policy`.
    ///
    /// # Errors
    /// If the map of a next episode cannot be made.
    pub fn play(&mut self, lane: Lane, policy: &PolicyVersion) -> Result<ActorSegment, WorldError> {
        self.run(lane, policy, None)
    }

    /// Plays what another actor chose, with `policy`, of which only the version counts.
    pub(crate) fn repeat(
        &mut self,
        lane: Lane,
        policy: &PolicyVersion,
        choices: &Choices,
    ) -> Result<ActorSegment, WorldError> {
        self.run(lane, policy, Some(choices))
    }

    fn run(
        &mut self,
        mut lane: Lane,
        policy: &PolicyVersion,
        choices: Option<&Choices>,
    ) -> Result<ActorSegment, WorldError> {
        let settings = &self.settings;
        let shape = settings.shape(lane.environments.len());
        let actor = Actor {
            network: &policy.network,
            kernels: settings.kernels,
            observation: &settings.observation,
            seed: settings.seed,
            update: lane.segment,
            reward_scale: settings.reward_scale,
            mean_threat_coefficient: settings.mean_threat_coefficient,
            choices,
            calm_coefficient: settings.calm_coefficient,
            object_coefficient: settings.object_coefficient,
        };
        lane.rollout.resize(&[shape]);
        std::mem::swap(&mut self.memory.record, &mut lane.record);
        let first = lane.index * settings.segment_envs;
        let Lane { environments, rollout, .. } = &mut lane;
        for mut part in rollout.lanes(&[shape]) {
            part.first_env += first;
            actor.play(environments, &mut part, &mut self.memory, settings.recording)?;
        }
        std::mem::swap(&mut self.memory.record, &mut lane.record);
        let digest = lane.digest(policy.version);
        let (policy_version, actor) = (policy.version, Arc::clone(&self.name));
        Ok(ActorSegment { lane, policy_version, actor, digest, timings: self.memory.timings })
    }
}
