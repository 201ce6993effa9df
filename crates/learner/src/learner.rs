//! A training run from rollout to update (Schulman et al., 2017, algorithm 1; Espeholt et al., 2018, section 3).
//!
//! A learner is synchronous and owns its threads; it can be saved between updates. The same configuration and seed
//! give the same bits whatever the number of threads, and across [`Learner::checkpoint`] and [`Learner::resume`].
use std::time::Instant;

use environment::{Environment, FinishedEpisode, ObservationSpec};
use environment::{WorldConfig, WorldError, Worlds};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::a3c;
use crate::a3c::LaneCounters;
use crate::adam::Adam;
use crate::error::LearnerError;
use crate::gae::{self, Segment};
use crate::kernels::Kernels;
use crate::network::{Network, NetworkShape};
use crate::policy::Policy;
use crate::ppo::anchor::Anchor;
use crate::ppo::optimise::{Optimiser, Outcome, Position};
use crate::ppo::return_normaliser::ReturnNormaliser;
use crate::ppo::{Algorithm, PpoConfig};
use crate::progress::Progress;
use crate::random::{Purpose, stream};
use crate::record::RolloutRecord;
use crate::report::{RolloutStatistics, Timings, UpdateReport};
use crate::rollout::buffer::{Rest, Rollout, RolloutShape, lane_shapes};
use crate::rollout::collect::{Actor, LaneMemory};
use crate::setup::{batch_config, check, environments, groups, observation};

/// A run in progress.
pub struct Learner {
    pub(crate) worlds: Worlds,
    pub(crate) config: PpoConfig,
    pub(crate) seed: u64,
    pub(crate) observation: ObservationSpec,
    pub(crate) optimiser: Optimiser,
    /// What acts where actors lag behind; the optimiser's network otherwise, and in the first rollout.
    pub(crate) behaviour: Option<Network>,
    pub(crate) environments: Vec<Environment>,
    pub(crate) progress: Progress,
    pub(crate) normaliser: Option<ReturnNormaliser>,
    /// Where the lanes of asynchronous actors stand.
    pub(crate) asynchronous: Option<LaneCounters>,
    pub(crate) kernels: Kernels,
    pub(crate) pool: ThreadPool,
    rollout: Rollout,
    /// Environments by team size.
    groups: Vec<RolloutShape>,
    lanes: Vec<LaneMemory>,
}

impl Learner {
    /// A new run with `threads` threads (0 takes as many as there are processors).
    ///
    /// # Errors
    /// If a setting is out of range, a map cannot be made or threads cannot be started.
    pub fn new(worlds: impl Into<Worlds>, config: PpoConfig, seed: u64, threads: usize) -> Result<Self, LearnerError> {
        let worlds = worlds.into();
        check(&worlds, &config)?;
        let observation = observation(&worlds, &config);
        let environments = environments(&batch_config(&worlds, &config, seed, &observation))?;
        let shape = NetworkShape::new(config.architecture, &observation, config.hidden);
        let adam = Adam::new(shape.len(), config.adam_epsilon);
        let mut network = Network::initialised(shape, &mut stream(seed, Purpose::InitialWeights, 0, 0));
        if let Some(advice) = observation.block("tour") {
            network.follow(advice, config.tour_prior);
        }
        Self::assemble(worlds, config, seed, threads, observation, Parts::new(network, adam, environments))
    }

    /// A new run that starts from the weights of a saved policy.
    ///
    /// # Errors
    /// As [`Learner::new`], and if `policy` is not a policy for these worlds: one that does not see team mates is for one
    /// robot only.
    pub fn init_from(
        worlds: impl Into<Worlds>,
        config: PpoConfig,
        seed: u64,
        threads: usize,
        policy: &[u8],
    ) -> Result<Self, LearnerError> {
        let worlds = worlds.into();
        let (network, observation) = Policy::from_safetensors(policy)?.for_worlds(&worlds)?;
        let (hidden, architecture) = (network.shape().hidden, network.shape().architecture());
        let config = PpoConfig { hidden, architecture, ..config };
        check(&worlds, &config)?;
        let environments = environments(&batch_config(&worlds, &config, seed, &observation))?;
        let adam = Adam::new(network.shape().len(), config.adam_epsilon);
        Self::assemble(worlds, config, seed, threads, observation, Parts::new(network, adam, environments))
    }

    pub(crate) fn assemble(
        worlds: Worlds,
        config: PpoConfig,
        seed: u64,
        threads: usize,
        observation: ObservationSpec,
        parts: Parts,
    ) -> Result<Self, LearnerError> {
        let kernels = Kernels::detect();
        let groups = groups(&worlds, &config);
        let robots = groups.iter().map(|group| group.num_envs * group.robots).sum();
        let normaliser =
            parts.normaliser.or_else(|| config.normalise_returns.then(|| ReturnNormaliser::new(robots, 1)));
        Ok(Self {
            lanes: lane_memories(parts.network.shape(), &groups),
            observation,
            groups,
            optimiser: Optimiser::new(parts.network, parts.adam, kernels, config.gradient_shards),
            behaviour: parts.behaviour,
            environments: parts.environments,
            progress: parts.progress,
            normaliser,
            asynchronous: parts.asynchronous,
            kernels,
            pool: ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("learner-{i}")).build()?,
            rollout: Rollout::default(),
            worlds,
            config,
            seed,
        })
    }

    /// One rollout and the gradient steps on it. `recorder`, if given, is overwritten with everything that happened (of steps
    /// only if it wants them).
    ///
    /// # Errors
    /// If all steps are done, or the map of a next episode cannot be made (the learner must then be discarded).
    pub fn update(&mut self, recorder: Option<&mut RolloutRecord>) -> Result<UpdateReport, LearnerError> {
        if self.is_complete() {
            return Err(LearnerError::Complete { steps: self.steps_done(), total: self.total_steps() });
        }
        let started = Instant::now();
        let groups = self.next_groups();
        let steps: usize = groups.iter().map(|group| group.len()).sum();
        let fraction = self.progress.steps_done as f64 / self.config.total_steps as f64;
        self.collect(&groups, recorder.as_ref().is_some_and(|record| !record.without_steps))?;
        self.scale_rewards(&groups);
        let rollout_time = started.elapsed();
        let outcome = self.improve(&groups, fraction);
        let explained_variance = gae::explained_variance(&self.rollout.returns, &self.rollout.values);
        let rollout = Some(self.rollout_statistics());

        self.progress.updates += 1;
        self.progress.steps_done += steps as u64;
        let finished: Vec<&FinishedEpisode> = self.lanes.iter().flat_map(|lane| &lane.record.finished).collect();
        let parameters = self.optimiser.network.parameters();
        let (episodes, is_best) = self.progress.take_in(&finished, self.config.num_envs, parameters);
        if let Some(record) = recorder {
            record.take(self.lanes.iter_mut().map(|lane| &mut lane.record));
        }
        let mut timings = self.timings(&outcome);
        (timings.rollout, timings.wall) = (rollout_time, started.elapsed());
        let report = self.report(steps, fraction, &outcome);
        Ok(UpdateReport { explained_variance, rollout, episodes, is_best, timings, ..report })
    }

    /// Robot-steps done. The last rollout may overshoot the total by less than one step of all environments.
    pub fn steps_done(&self) -> u64 {
        self.progress.steps_done
    }

    pub fn total_steps(&self) -> u64 {
        self.config.total_steps
    }

    pub fn updates_done(&self) -> u64 {
        self.progress.updates
    }

    pub fn is_complete(&self) -> bool {
        self.steps_done() >= self.total_steps()
    }

    pub fn config(&self) -> &PpoConfig {
        &self.config
    }

    /// Where the worlds of the run come from.
    pub fn worlds(&self) -> &Worlds {
        &self.worlds
    }

    /// What all worlds of the run have in common.
    pub fn world(&self) -> &WorldConfig {
        self.worlds.base()
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The environments as they stand.
    pub fn environments(&self) -> &[Environment] {
        &self.environments
    }

    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// The instruction set in use, to be recorded with the run.
    pub fn instruction_set(&self) -> &'static str {
        self.kernels.instruction_set().name()
    }

    /// All environments play one rollout.
    fn collect(&mut self, groups: &[RolloutShape], recording: bool) -> Result<(), LearnerError> {
        let Self { rollout, lanes, environments, optimiser, behaviour, .. } = self;
        rollout.resize(groups);
        let actor = Actor {
            network: behaviour.as_ref().unwrap_or(&optimiser.network),
            kernels: self.kernels,
            observation: &self.observation,
            seed: self.seed,
            update: self.progress.updates,
            reward_scale: if self.normaliser.is_some() { 1.0 } else { self.config.reward_scale },
            mean_threat_coefficient: self.config.mean_threat_coefficient,
            choices: None,
            calm_coefficient: self.config.calm_coefficient,
            object_coefficient: self.config.object_coefficient,
        };
        let mut rest = Rest(environments);
        let played = lane_shapes(groups).map(|lane| rest.take(lane.envs));
        let mut work: Vec<_> = rollout.lanes(groups).zip(played).zip(lanes).collect();
        let results: Result<(), WorldError> = self.pool.install(|| {
            work.par_iter_mut()
                .with_max_len(1)
                .try_for_each(|((lane, environments), memory)| actor.play(environments, lane, memory, recording))
        });
        Ok(results?)
    }

    /// The gradient steps on the rollout. Actors that lag play the next one with what is the network now.
    fn improve(&mut self, groups: &[RolloutShape], progress: f64) -> Outcome {
        let before = (self.config.policy_lag() > 0).then(|| self.optimiser.network.clone());
        let outcome = match self.config.algorithm {
            Algorithm::Ppo => {
                self.estimate_advantages(groups);
                self.normalise_advantages(groups);
                self.favour_the_tour();
                let at = Position { seed: self.seed, update: self.progress.updates, progress };
                let batch = self.rollout.batch(self.observation.len());
                self.optimiser.optimise(&self.pool, &self.config, &batch, at)
            }
            Algorithm::A3c { .. } => {
                let Self { optimiser, pool, config, rollout, observation, .. } = self;
                let anchor = Anchor::of(config, observation);
                a3c::optimise::optimise(optimiser, pool, config, anchor.as_ref(), (rollout, groups[0]), progress)
            }
        };
        self.behaviour = before;
        outcome
    }

    /// Divides rewards by the deviation of the return, if wanted.
    fn scale_rewards(&mut self, groups: &[RolloutShape]) {
        if let Some(normaliser) = &mut self.normaliser {
            let mut first = 0;
            for lane in self.rollout.lanes(groups) {
                let streams = lane.next_values.len();
                normaliser.observe(first, streams, lane.rewards, lane.ends, self.config.gamma);
                first += streams;
            }
            let scale = normaliser.scale();
            self.rollout.rewards.iter_mut().for_each(|reward| *reward *= scale);
        }
    }

    /// Fills advantages and returns.
    fn estimate_advantages(&mut self, groups: &[RolloutShape]) {
        let (gamma, lambda) = (self.config.gamma, self.config.gae_lambda);
        let lanes: Vec<_> = self.rollout.lanes(groups).collect();
        self.pool.install(|| {
            lanes.into_par_iter().for_each(|lane| {
                let segment = Segment {
                    robots: lane.robots,
                    rewards: lane.rewards,
                    values: lane.values,
                    ends: lane.ends,
                    final_values: lane.final_values,
                    next_values: lane.next_values,
                };
                gae::estimate(&segment, gamma, lambda, lane.advantages, lane.returns);
            });
        });
    }

    /// Each team size by itself: what one robot can change is a small part of what a large team is paid for, and would be
    /// lost beside what a lone robot learns.
    fn normalise_advantages(&mut self, groups: &[RolloutShape]) {
        let mut rest = Rest(&mut self.rollout.advantages);
        groups.iter().for_each(|group| gae::normalise(rest.take(group.len())));
    }

    fn favour_the_tour(&mut self) {
        let Some(anchor) = Anchor::of(&self.config, &self.observation) else { return };
        for row in 0..self.rollout.advantages.len() {
            self.rollout.advantages[row] += anchor.pay(&self.rollout, row);
        }
    }

    /// The next rollout's shape: shorter at the end of the run.
    fn next_groups(&self) -> Vec<RolloutShape> {
        let width: usize = self.groups.iter().map(|group| group.num_envs * group.robots).sum();
        let left = (self.config.total_steps - self.progress.steps_done).div_ceil(width as u64);
        let steps = (self.config.num_steps as u64).min(left) as usize;
        let observation_len = self.observation.len();
        self.groups.iter().map(|group| RolloutShape { steps, observation_len, ..*group }).collect()
    }

    pub(crate) fn report(&self, steps: usize, fraction: f64, outcome: &Outcome) -> UpdateReport {
        let losses = &outcome.losses;
        let samples = losses.samples.max(1.0);
        UpdateReport {
            update: self.progress.updates,
            steps_done: self.progress.steps_done,
            total_steps: self.config.total_steps,
            rollout_steps: steps as u64,
            episodes_finished: self.progress.episodes_finished,
            epochs: outcome.epochs,
            policy_loss: losses.policy_loss / samples,
            value_loss: losses.value_loss / samples,
            entropy: losses.entropy / samples,
            approx_kl: losses.approx_kl / samples,
            old_approx_kl: losses.old_approx_kl / samples,
            clip_fraction: losses.clipped / samples,
            gradient_norm: outcome.gradient_norm,
            learning_rate: f64::from(self.config.learning_rate_at(fraction)),
            entropy_coefficient: f64::from(self.config.entropy_coefficient_at(fraction)),
            mean_reward: gae::mean_and_variance(&self.rollout.rewards).0,
            recent_mean_threat: self.progress.recent_mean_threat(self.config.num_envs),
            best_mean_threat: self.progress.best.as_ref().map(|best| best.mean_threat),
            ..UpdateReport::default()
        }
    }

    /// Advantages are what returns and values differ by: by now the rollout holds normalised ones.
    fn rollout_statistics(&self) -> RolloutStatistics {
        let of = |values: &[f32]| {
            let (mean, variance) = gae::mean_and_variance(values);
            (mean, variance.sqrt())
        };
        let Rollout { returns, values, .. } = &self.rollout;
        let advantages: Vec<f32> = returns.iter().zip(values).map(|(r, v)| r - v).collect();
        RolloutStatistics { value: of(values), returns: of(returns), advantage: of(&advantages) }
    }

    fn timings(&self, outcome: &Outcome) -> Timings {
        let mut timings = Timings {
            forward: outcome.forward,
            backward: outcome.backward,
            optimiser: outcome.optimiser,
            ..Timings::default()
        };
        for lane in &self.lanes {
            timings.environment += lane.timings.environment;
            timings.observation += lane.timings.observation;
            timings.forward += lane.timings.forward;
        }
        timings
    }
}

/// What a learner is assembled from.
pub(crate) struct Parts {
    pub network: Network,
    pub behaviour: Option<Network>,
    pub adam: Adam,
    pub environments: Vec<Environment>,
    pub progress: Progress,
    pub normaliser: Option<ReturnNormaliser>,
    pub asynchronous: Option<LaneCounters>,
}

impl Parts {
    /// Those of a run that has not begun.
    fn new(network: Network, adam: Adam, environments: Vec<Environment>) -> Self {
        let progress = Progress::default();
        Self { network, behaviour: None, adam, environments, progress, normaliser: None, asynchronous: None }
    }
}

fn lane_memories(network: &NetworkShape, groups: &[RolloutShape]) -> Vec<LaneMemory> {
    lane_shapes(groups).map(|lane| LaneMemory::new(network, lane.envs, lane.robots)).collect()
}
