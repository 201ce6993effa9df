//! The learner that consumes segments as they come.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use environment::{Environment, FinishedEpisode, WorldConfig};

use super::actor::{ActorSegment, ActorSettings};
use super::lane::{Lane, LaneCounters, PolicyVersion, SegmentDigest};
use super::optimise;
use super::remote::Leases;
use super::tally::Tally;
use crate::checkpoint::{Checkpoint, Origin};
use crate::error::LearnerError;
use crate::learner::Learner;
use crate::ppo::anchor::Anchor;
use crate::ppo::{Algorithm, PpoConfig};
use crate::record::RolloutRecord;
use crate::report::UpdateReport;

/// At least so many versions may a policy lag behind.
const MAX_POLICY_LAG: u64 = 32;

/// One segment that was learned from: what has to be known to have it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumed {
    pub lane: usize,
    /// Counted from 0 in its lane.
    pub segment: u64,
    /// Of the policy that acted.
    pub policy_version: u64,
    pub actor: Arc<str>,
    pub digest: SegmentDigest,
}

/// What an update came to: as many segments as there are lanes, whichever came first.
#[derive(Clone, Debug)]
pub struct AsyncUpdate {
    pub report: UpdateReport,
    /// In the order of consumption.
    pub order: Vec<Consumed>,
    /// It repeated what had been consumed before.
    pub replayed: bool,
}

/// A run whose actors are somewhere else. Synchronous and without a clock in any decision: the same segments in the same
/// order give the same bits.
pub struct AsyncLearner {
    pub(super) inner: Learner,
    pub(super) settings: ActorSettings,
    newest: PolicyVersion,
    /// `None` while an actor has it.
    pub(super) lanes: Vec<Option<Lane>>,
    /// Lanes that remote actors play; in play as far as everybody else is concerned.
    pub(super) leases: Leases,
    /// The version of the policy when a lane was given away last.
    given: Vec<u64>,
    /// Lanes at home, those that wait longest first.
    pub(super) free: VecDeque<usize>,
    tally: Tally,
    /// Of the last whole update.
    ended: Tally,
    order: Vec<Consumed>,
    glimpse: Environment,
    updated: Instant,
}

impl AsyncLearner {
    /// A new run; `segment_envs` environments make a lane, `recording` keeps every step.
    ///
    /// # Errors
    /// As [`Learner::new`].
    pub fn new(
        world: WorldConfig,
        config: PpoConfig,
        seed: u64,
        threads: usize,
        segment_envs: usize,
        recording: bool,
    ) -> Result<Self, LearnerError> {
        Ok(Self::begin(Learner::new(world, without_lag(config), seed, threads)?, segment_envs, recording))
    }

    /// A new run that starts from the weights of a saved policy.
    ///
    /// # Errors
    /// As [`Learner::init_from`].
    pub fn init_from(
        world: WorldConfig,
        config: PpoConfig,
        seed: u64,
        threads: usize,
        segment_envs: usize,
        recording: bool,
        policy: &[u8],
    ) -> Result<Self, LearnerError> {
        let learner = Learner::init_from(world, without_lag(config), seed, threads, policy)?;
        Ok(Self::begin(learner, segment_envs, recording))
    }

    /// Continues a saved run.
    ///
    /// # Errors
    /// As [`Learner::resume`].
    pub fn resume(
        world: WorldConfig,
        config: PpoConfig,
        seed: u64,
        threads: usize,
        segment_envs: usize,
        recording: bool,
        checkpoint: &Checkpoint,
    ) -> Result<Self, LearnerError> {
        let config = without_lag(config);
        let learner =
            Learner::restore(world.into(), config, seed, threads, checkpoint, Origin::SameRun(Some(segment_envs)))?;
        Ok(Self::begin(learner, segment_envs, recording))
    }

    fn begin(mut inner: Learner, segment_envs: usize, recording: bool) -> Self {
        let new = || LaneCounters::new(inner.config.num_envs, segment_envs);
        let counters = inner.asynchronous.take().unwrap_or_else(new);
        let seen = (inner.optimiser.network.shape().clone(), inner.observation.clone());
        let settings = ActorSettings::new(inner.world(), &inner.config, inner.seed, segment_envs, seen, recording);
        let newest =
            PolicyVersion { version: counters.policy_version, network: Arc::new(inner.optimiser.network.clone()) };
        let glimpse = inner.environments[0].clone();
        let mut environments = std::mem::take(&mut inner.environments).into_iter();
        let lane = |(index, &segment): (usize, &u64)| {
            Some(Lane::new(index, segment, environments.by_ref().take(segment_envs).collect()))
        };
        let lanes: Vec<_> = counters.segments.iter().enumerate().map(lane).collect();
        let (free, given) = ((0..lanes.len()).collect(), vec![0; lanes.len()]);
        inner.asynchronous = Some(counters);
        let (tally, ended, order, updated) = (Tally::default(), Tally::default(), Vec::new(), Instant::now());
        let leases = Leases::default();
        Self { inner, settings, newest, lanes, leases, given, free, tally, ended, order, glimpse, updated }
    }

    /// The policy to act with now.
    pub fn newest(&self) -> &PolicyVersion {
        &self.newest
    }

    /// What actors of this run need to know.
    pub fn settings(&self) -> &ActorSettings {
        &self.settings
    }

    /// Versions by which the policy of a segment may lag behind: a slow actor is waited for rather than left behind.
    pub fn max_policy_lag(&self) -> u64 {
        MAX_POLICY_LAG.max(2 * self.lanes.len() as u64)
    }

    /// A lane to be played next, unless what is being played will do (the run needs no more steps than that or, when
    /// `draining`, this update no more segments) or would lag too far behind.
    pub fn next_lane(&mut self, draining: bool) -> Option<Lane> {
        let in_play = self.in_play();
        let segment = (self.settings.segment_envs * self.settings.steps * self.settings.robots) as u64;
        let enough = self.inner.progress.steps_done + in_play as u64 * segment >= self.inner.config.total_steps;
        let drained = draining && self.tally.segments + in_play >= self.lanes.len();
        // The oldest may be consumed last of all.
        let away = self.lanes.iter().zip(&self.given).filter(|(lane, _)| lane.is_none());
        let oldest = away.map(|(_, &version)| version).min().unwrap_or(self.newest.version);
        let lags = self.newest.version + in_play as u64 > oldest + self.max_policy_lag();
        if enough && in_play > 0 || drained || lags {
            return None;
        }
        let lane = self.free.pop_front()?;
        self.given[lane] = self.newest.version;
        self.lanes[lane].take()
    }

    /// Lane `index`, if it is at home.
    pub(super) fn take_lane(&mut self, index: usize) -> Option<Lane> {
        let lane = self.lanes.get_mut(index)?.take();
        self.free.retain(|&free| free != index);
        lane
    }

    /// Lanes that actors have.
    pub fn in_play(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.is_none()).count()
    }

    /// Learns from a segment; the update, if this was its last one.
    ///
    /// # Errors
    /// `Stale` if its lane is not being played, or not at this segment; nothing has changed then.
    pub fn consume(&mut self, segment: ActorSegment) -> Result<Option<AsyncUpdate>, LearnerError> {
        let ActorSegment { mut lane, policy_version, actor, digest, timings } = segment;
        let counters = self.inner.asynchronous.get_or_insert_with(|| LaneCounters::new(0, 1));
        let expected = counters.segments.get_mut(lane.index).filter(|next| **next == lane.segment);
        let (Some(next), Some(None)) = (expected, self.lanes.get(lane.index)) else {
            return Err(LearnerError::Stale { lane: lane.index, segment: lane.segment });
        };
        (*next, counters.policy_version) = (*next + 1, counters.policy_version + 1);
        self.order.push(Consumed { lane: lane.index, segment: lane.segment, policy_version, actor, digest });
        lane.segment += 1;
        self.learn(&mut lane, timings);
        if lane.index == 0 {
            self.glimpse = lane.environments[0].clone();
        }
        self.free.push_back(lane.index);
        let index = lane.index;
        self.lanes[index] = Some(lane);
        let complete = self.tally.segments >= self.lanes.len() || self.inner.is_complete();
        Ok(complete.then(|| self.end_update()))
    }

    /// The gradient steps on one segment.
    fn learn(&mut self, lane: &mut Lane, played: crate::rollout::collect::LaneTimings) {
        let Learner { optimiser, pool, config, normaliser, progress, observation, .. } = &mut self.inner;
        let shape = self.settings.shape(lane.environments.len());
        if let Some(normaliser) = normaliser {
            let first = lane.index * self.settings.segment_envs * shape.robots;
            let streams = shape.num_envs * shape.robots;
            normaliser.observe(first, streams, &lane.rollout.rewards, &lane.rollout.ends, config.gamma);
            let scale = normaliser.scale();
            lane.rollout.rewards.iter_mut().for_each(|reward| *reward *= scale);
        }
        let fraction = progress.steps_done as f64 / config.total_steps as f64;
        let anchor = Anchor::of(config, observation);
        let outcome =
            optimise::optimise(optimiser, pool, config, anchor.as_ref(), (&mut lane.rollout, shape), fraction);
        progress.steps_done += shape.len() as u64;
        self.newest.version += 1;
        self.newest.network = Arc::new(optimiser.network.clone());
        self.tally.add(lane, played, &outcome);
    }

    /// Everything that happened in the last whole update, once; steps only if they are recorded.
    pub fn take_record(&mut self, record: &mut RolloutRecord) {
        self.ended.take_record(record);
    }

    /// The first environment as it stood after its newest segment.
    pub fn glimpse(&self) -> &Environment {
        &self.glimpse
    }

    /// The run as seen from outside: its settings and counters. Environments are with the lanes.
    pub fn run(&self) -> &Learner {
        &self.inner
    }

    /// Saves the state after the last update.
    ///
    /// # Errors
    /// `InPlay` while anything has begun that the update did not see.
    pub fn checkpoint(&mut self) -> Result<Checkpoint, LearnerError> {
        if self.in_play() > 0 || self.tally.segments > 0 {
            return Err(LearnerError::InPlay { lanes: self.in_play() });
        }
        let environments = self.lanes.iter_mut().flatten().flat_map(|lane| std::mem::take(&mut lane.environments));
        self.inner.environments = environments.collect();
        let checkpoint = self.inner.checkpoint();
        let mut environments = std::mem::take(&mut self.inner.environments).into_iter();
        for lane in self.lanes.iter_mut().flatten() {
            lane.environments = environments.by_ref().take(self.settings.segment_envs).collect();
        }
        checkpoint
    }

    fn end_update(&mut self) -> AsyncUpdate {
        let inner = &mut self.inner;
        inner.progress.updates += 1;
        let finished: Vec<&FinishedEpisode> = self.tally.finished.iter().collect();
        let parameters = inner.optimiser.network.parameters();
        let (episodes, is_best) = inner.progress.take_in(&finished, inner.config.num_envs, parameters);
        let before = inner.progress.steps_done - self.tally.robot_steps;
        let fraction = before as f64 / inner.config.total_steps as f64;
        let mut timings = self.tally.timings;
        timings.wall = std::mem::replace(&mut self.updated, Instant::now()).elapsed();
        timings.rollout = Duration::ZERO;
        let report = UpdateReport {
            rollout_steps: self.tally.robot_steps,
            gradient_norm: self.tally.gradient_norm(),
            explained_variance: self.tally.explained_variance(),
            mean_reward: self.tally.mean_reward(),
            episodes,
            is_best,
            timings,
            ..inner.report(0, fraction, &self.tally.outcome)
        };
        self.ended = std::mem::take(&mut self.tally);
        AsyncUpdate { report, order: std::mem::take(&mut self.order), replayed: false }
    }
}

/// Asynchronous actors lag by as much as they do: nothing is simulated.
fn without_lag(config: PpoConfig) -> PpoConfig {
    PpoConfig { algorithm: Algorithm::A3c { policy_lag: 0 }, ..config }
}
