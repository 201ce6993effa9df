//! Actors of other processes: a lane is lent to them as bytes, and what comes back is what they chose.
//!
//! The learner keeps the lane and plays the choices in it again, without the network: so a segment is a few bytes per
//! robot-step, nothing that an actor says about the world is believed, and an actor that dies takes nothing with it.
use std::collections::BTreeMap;
use std::sync::Arc;

use environment::{Environment, ObservationSpec, WorldConfig};

use super::actor::{ActorSettings, SegmentActor};
use super::lane::{Lane, PolicyVersion, SegmentDigest};
use super::learner::{AsyncLearner, AsyncUpdate};
use crate::checkpoint::container::{ContainerError, Reader, Writer};
use crate::checkpoint::{ENVIRONMENTS, split};
use crate::error::LearnerError;
use crate::policy::Policy;
use crate::ppo::PpoConfig;
pub use crate::rollout::collect::Choices;
use crate::setup::batch_config;

/// Names of the tensors of a lease that hold what was planned, as [`ENVIRONMENTS`].
const PLANS: [&str; 2] = ["plan.lengths", "plan.rounds"];

/// The right to play one segment, and everything that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Never given twice by the same learner; an answer to another learner's lease comes out differently and is refused.
    pub id: u64,
    pub lane: usize,
    pub segment: u64,
    pub policy_version: u64,
    /// As safetensors.
    pub policy: Vec<u8>,
    /// The environments as they stand.
    pub environments: Vec<Vec<u8>>,
    /// What was planned for their episodes, so that an actor need not plan it anew; empty where nothing was.
    pub plans: Vec<Vec<u8>>,
}

/// What a remote actor made of a lease.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteSegment {
    pub lease: u64,
    pub choices: Choices,
    pub digest: SegmentDigest,
}

impl Lease {
    /// # Errors
    /// If the format refuses it, which it has no reason to.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LearnerError> {
        let mut writer = Writer::default();
        writer.metadata("lease", self.id);
        writer.metadata("lane", self.lane);
        writer.metadata("segment", self.segment);
        writer.metadata("policy_version", self.policy_version);
        writer.bytes("policy", self.policy.clone());
        for ([lengths, name], parts) in [(ENVIRONMENTS, &self.environments), (PLANS, &self.plans)] {
            writer.u64s(lengths, parts.iter().map(|part| part.len() as u64));
            writer.bytes(name, parts.concat());
        }
        writer.finish().map_err(LearnerError::Write)
    }

    /// # Errors
    /// If the bytes are no lease.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearnerError> {
        Self::read(bytes).map_err(LearnerError::Lease)
    }

    fn read(bytes: &[u8]) -> Result<Self, ContainerError> {
        let reader = Reader::new(bytes)?;
        let count = reader.u64s(ENVIRONMENTS[0])?.len();
        let parts = |names| Ok(split(&reader, names, count)?.into_iter().map(<[u8]>::to_vec).collect());
        Ok(Self {
            id: reader.parsed("lease")?,
            lane: reader.parsed("lane")?,
            segment: reader.parsed("segment")?,
            policy_version: reader.parsed("policy_version")?,
            policy: reader.bytes("policy")?.to_vec(),
            environments: parts(ENVIRONMENTS)?,
            plans: parts(PLANS)?,
        })
    }
}

/// Lanes that are lent, with what it takes to undo a segment that turns out wrong.
#[derive(Debug, Default)]
pub(super) struct Leases {
    last: u64,
    lent: BTreeMap<u64, Lent>,
    /// Plays choices again.
    actor: Option<SegmentActor>,
}

#[derive(Debug)]
struct Lent {
    lane: Lane,
    policy_version: u64,
    environments: Vec<Vec<u8>>,
}

impl AsyncLearner {
    /// Lends the next lane, if there is one to be played.
    ///
    /// # Errors
    /// If the policy cannot be written, which it has no reason to.
    pub fn lease(&mut self, draining: bool) -> Result<Option<Lease>, LearnerError> {
        let Some(lane) = self.next_lane(draining) else { return Ok(None) };
        let policy_version = self.newest().version;
        let policy = self.inner.policy().to_safetensors()?;
        let environments: Vec<Vec<u8>> = lane.environments.iter().map(Environment::to_bytes).collect();
        let plans = lane.environments.iter().map(Environment::plan_to_bytes).collect();
        self.leases.last += 1;
        let id = self.leases.last;
        let lease = Lease {
            id,
            lane: lane.index,
            segment: lane.segment,
            policy_version,
            policy,
            environments: environments.clone(),
            plans,
        };
        self.leases.lent.insert(id, Lent { lane, policy_version, environments });
        Ok(Some(lease))
    }

    /// Takes a lane back that nobody will play; the next to be played. What comes under this lease later is stale.
    pub fn revoke(&mut self, lease: u64) {
        if let Some(Lent { lane, .. }) = self.leases.lent.remove(&lease) {
            let index = lane.index;
            self.lanes[index] = Some(lane);
            self.free.push_front(index);
        }
    }

    /// Learns from what a remote actor chose; the update, if this was its last segment.
    ///
    /// # Errors
    /// `UnknownLease` if it was revoked or answered, `Refused` if the choices cannot have come from playing it. Nothing
    /// has changed then, except that the lane is free again.
    pub fn accept(&mut self, actor: &str, segment: &RemoteSegment) -> Result<Option<AsyncUpdate>, LearnerError> {
        let lent = self.leases.lent.remove(&segment.lease);
        let Lent { lane, policy_version, environments } = lent.ok_or(LearnerError::UnknownLease(segment.lease))?;
        let (index, number) = (lane.index, lane.segment);
        let played = self.repeat(lane, policy_version, segment);
        let reason = match played {
            Ok(mut played) => {
                let Some(reason) = fault(&played.lane, segment.digest, played.digest) else {
                    played.actor = actor.into();
                    return self.consume(played);
                };
                reason
            }
            Err(reason) => reason,
        };
        let batch = batch_config(self.inner.worlds(), &self.inner.config, self.inner.seed, &self.inner.observation);
        let environments = environments.iter().map(|state| Environment::from_bytes(&batch, state));
        self.lanes[index] = Some(Lane::new(index, number, environments.collect::<Result<_, _>>()?));
        self.free.push_front(index);
        Err(LearnerError::Refused { lane: index, segment: number, reason })
    }

    fn repeat(
        &mut self,
        lane: Lane,
        version: u64,
        segment: &RemoteSegment,
    ) -> Result<super::ActorSegment, &'static str> {
        let shape = self.settings.shape(lane.environments.len());
        let (choices, rows) = (&segment.choices, shape.len());
        let columns = [&choices.log_probs, &choices.values, &choices.final_values];
        if choices.actions.len() != rows
            || columns.iter().any(|column| column.len() != rows)
            || choices.next_values.len() != shape.num_envs * shape.robots
        {
            return Err("it has another length");
        }
        if columns.into_iter().chain([&choices.next_values]).flatten().any(|value| !value.is_finite()) {
            return Err("an estimate is not finite");
        }
        let policy = PolicyVersion { version, network: Arc::clone(&self.newest().network) };
        let settings = self.settings.clone();
        let actor = self.leases.actor.get_or_insert_with(|| SegmentActor::new("learner".into(), settings));
        actor.repeat(lane, &policy, choices).map_err(|_| "a map cannot be made")
    }
}

/// What cannot be right about a segment that was played again.
fn fault(lane: &Lane, claimed: SegmentDigest, found: SegmentDigest) -> Option<&'static str> {
    let rollout = &lane.rollout;
    let mut choices = rollout.actions.iter().zip(&rollout.masks);
    if choices.any(|(&action, &mask)| action >= 8 || mask >> action & 1 == 0) {
        return Some("an action was not allowed");
    }
    (claimed != found).then_some("it came out differently here")
}

/// An actor of another process: makes segments of leases.
pub struct RemoteActor {
    name: Arc<str>,
    world: WorldConfig,
    config: PpoConfig,
    seed: u64,
    segment_envs: usize,
    actor: Option<SegmentActor>,
}

impl RemoteActor {
    /// An actor of the run with these settings.
    pub fn new(name: &str, world: WorldConfig, config: PpoConfig, seed: u64, segment_envs: usize) -> Self {
        Self { name: name.into(), world, config, seed, segment_envs, actor: None }
    }

    /// Plays a lease.
    ///
    /// # Errors
    /// If the lease is of another run.
    pub fn play(&mut self, lease: &Lease) -> Result<RemoteSegment, LearnerError> {
        let (policy, observation) = self.policy(lease)?;
        let batch = batch_config(&self.world.clone().into(), &self.config, self.seed, &observation);
        let states = lease.environments.iter().zip(&lease.plans);
        let states = states.map(|(state, plan)| Environment::from_bytes_and_plan(&batch, state, plan));
        let lane = Lane::new(lease.lane, lease.segment, states.collect::<Result<_, _>>()?);
        let settings = || {
            let seen = (policy.network.shape().clone(), observation);
            ActorSettings::new(&self.world, &self.config, self.seed, self.segment_envs, seen, false)
        };
        let actor = self.actor.get_or_insert_with(|| SegmentActor::new(Arc::clone(&self.name), settings()));
        let played = actor.play(lane, &policy)?;
        let (digest, robots) = (played.digest, self.world.num_robots);
        let rollout = played.lane.rollout;
        let cut = |(row, &value): (usize, &f32)| if rollout.is_cut(row, robots) { value } else { 0.0 };
        let final_values = rollout.final_values.iter().enumerate().map(cut).collect();
        let choices = Choices {
            actions: rollout.actions,
            log_probs: rollout.log_probs,
            values: rollout.values,
            final_values,
            next_values: rollout.next_values,
        };
        Ok(RemoteSegment { lease: lease.id, choices, digest })
    }

    fn policy(&self, lease: &Lease) -> Result<(PolicyVersion, ObservationSpec), LearnerError> {
        let worlds = self.world.clone().into();
        let (network, observation) = Policy::from_safetensors(&lease.policy)?.for_worlds(&worlds)?;
        Ok((PolicyVersion { version: lease.policy_version, network: Arc::new(network) }, observation))
    }
}
