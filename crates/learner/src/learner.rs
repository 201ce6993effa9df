//! A training run from rollout to update (Schulman et al., 2017, algorithm 1; Espeholt et al., 2018, section 3).
//!
//! A learner is synchronous and owns its threads; it can be saved between updates. The same configuration and seed
//! give the same bits whatever the number of threads, and across [`Learner::checkpoint`] and [`Learner::resume`].
use std::time::Instant;

use environment::{BatchConfig, Environment, FinishedEpisode, ObservationSpec, Purpose as EpisodePurpose, WorldConfig};
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::a3c;
use crate::a3c::LaneCounters;
use crate::adam::Adam;
use crate::error::LearnerError;
use crate::gae::{self, Segment};
use crate::kernels::Kernels;
use crate::network::{Network, NetworkShape};
use crate::ppo::optimise::{Optimiser, Outcome, Position};
use crate::ppo::return_normaliser::ReturnNormaliser;
use crate::ppo::{Algorithm, PpoConfig};
use crate::progress::Progress;
use crate::random::{Purpose, stream};
use crate::record::RolloutRecord;
use crate::report::{Timings, UpdateReport};
use crate::rollout::buffer::{Rollout, RolloutShape};
use crate::rollout::collect::{Actor, LaneMemory};

/// A run in progress.
pub struct Learner {
    pub(crate) world: WorldConfig,
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
    lanes: Vec<LaneMemory>,
}

impl Learner {
    /// A new run with `threads` threads (0 takes as many as there are processors).
    ///
    /// # Errors
    /// If a setting is out of range, a map cannot be made or threads cannot be started.
    pub fn new(world: WorldConfig, config: PpoConfig, seed: u64, threads: usize) -> Result<Self, LearnerError> {
        config.validate()?;
        let batch = batch_config(&world, &config, seed);
        let environments = (0..batch.num_envs).map(|index| Environment::new(&batch, index));
        let environments = environments.collect::<Result<Vec<_>, _>>()?;
        let observation = ObservationSpec::for_team(world.num_robots);
        let shape = NetworkShape::new(config.architecture, &observation, config.hidden);
        let adam = Adam::new(shape.len(), config.adam_epsilon);
        let network = Network::initialised(shape, &mut stream(seed, Purpose::InitialWeights, 0, 0));
        let parts = Parts {
            network,
            behaviour: None,
            adam,
            environments,
            progress: Progress::default(),
            normaliser: None,
            asynchronous: None,
        };
        Self::assemble(world, config, seed, threads, parts)
    }

    /// A new run that starts from the weights of a saved policy.
    ///
    /// # Errors
    /// As [`Learner::new`], and if `policy` is not a policy for this world's observations.
    pub fn init_from(
        world: WorldConfig,
        config: PpoConfig,
        seed: u64,
        threads: usize,
        policy: &[u8],
    ) -> Result<Self, LearnerError> {
        let mut learner = Self::new(world, config, seed, threads)?;
        let network = crate::policy::Policy::from_safetensors(policy)?.into_network_for(&learner.observation)?;
        let (hidden, architecture) = (network.shape().hidden, network.shape().architecture());
        let config = PpoConfig { hidden, architecture, ..learner.config.clone() };
        let adam = Adam::new(network.shape().len(), config.adam_epsilon);
        learner.lanes = lane_memories(network.shape(), &learner.world, &config);
        learner.optimiser = Optimiser::new(network, adam, learner.kernels, config.gradient_shards);
        learner.config = config;
        Ok(learner)
    }

    pub(crate) fn assemble(
        world: WorldConfig,
        config: PpoConfig,
        seed: u64,
        threads: usize,
        parts: Parts,
    ) -> Result<Self, LearnerError> {
        let kernels = Kernels::detect();
        let normaliser = parts
            .normaliser
            .or_else(|| config.normalise_returns.then(|| ReturnNormaliser::new(config.num_envs, world.num_robots)));
        Ok(Self {
            observation: ObservationSpec::for_team(world.num_robots),
            lanes: lane_memories(parts.network.shape(), &world, &config),
            optimiser: Optimiser::new(parts.network, parts.adam, kernels, config.gradient_shards),
            behaviour: parts.behaviour,
            environments: parts.environments,
            progress: parts.progress,
            normaliser,
            asynchronous: parts.asynchronous,
            kernels,
            pool: ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("learner-{i}")).build()?,
            rollout: Rollout::default(),
            world,
            config,
            seed,
        })
    }

    /// One rollout and the gradient steps on it. `recorder`, if given, is overwritten with everything that happened.
    ///
    /// # Errors
    /// If all steps are done, or the map of a next episode cannot be made (the learner must then be discarded).
    pub fn update(&mut self, recorder: Option<&mut RolloutRecord>) -> Result<UpdateReport, LearnerError> {
        if self.is_complete() {
            return Err(LearnerError::Complete { steps: self.steps_done(), total: self.total_steps() });
        }
        let started = Instant::now();
        let shape = self.next_shape();
        let fraction = self.progress.steps_done as f64 / self.config.total_steps as f64;
        self.collect(shape, recorder.is_some())?;
        self.scale_rewards(shape);
        let rollout_time = started.elapsed();
        let outcome = self.improve(shape, fraction);
        let explained_variance = gae::explained_variance(&self.rollout.returns, &self.rollout.values);

        self.progress.updates += 1;
        self.progress.steps_done += shape.len() as u64;
        let finished: Vec<&FinishedEpisode> = self.lanes.iter().flat_map(|lane| &lane.record.finished).collect();
        let parameters = self.optimiser.network.parameters();
        let (window, full) = (self.config.num_envs, self.world.episode_length());
        let (episodes, is_best) = self.progress.take_in(&finished, full, window, parameters);
        if let Some(record) = recorder {
            record.clear();
            self.lanes.iter().for_each(|lane| record.append(&lane.record));
        }
        let mut timings = self.timings(&outcome);
        (timings.rollout, timings.wall) = (rollout_time, started.elapsed());
        Ok(UpdateReport { explained_variance, episodes, is_best, timings, ..self.report(shape, fraction, &outcome) })
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

    pub fn world(&self) -> &WorldConfig {
        &self.world
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
    fn collect(&mut self, shape: RolloutShape, recording: bool) -> Result<(), LearnerError> {
        let Self { rollout, lanes, environments, optimiser, behaviour, .. } = self;
        rollout.resize(shape);
        let actor = Actor {
            network: behaviour.as_ref().unwrap_or(&optimiser.network),
            kernels: self.kernels,
            observation: &self.observation,
            seed: self.seed,
            update: self.progress.updates,
            reward_scale: if self.normaliser.is_some() { 1.0 } else { self.config.reward_scale },
            mean_threat_coefficient: self.config.mean_threat_coefficient,
            choices: None,
        };
        let mut work: Vec<_> =
            rollout.lanes(shape).zip(environments.chunks_mut(shape.lane_envs())).zip(lanes).collect();
        let results: Result<(), environment::WorldError> = self.pool.install(|| {
            work.par_iter_mut().with_max_len(1).enumerate().try_for_each(|(i, ((lane, environments), memory))| {
                actor.play(i * shape.lane_envs(), environments, lane, memory, recording)
            })
        });
        Ok(results?)
    }

    /// The gradient steps on the rollout. Actors that lag play the next one with what is the network now.
    fn improve(&mut self, shape: RolloutShape, progress: f64) -> Outcome {
        let before = (self.config.policy_lag() > 0).then(|| self.optimiser.network.clone());
        let outcome = match self.config.algorithm {
            Algorithm::Ppo => {
                self.estimate_advantages(shape);
                gae::normalise(&mut self.rollout.advantages);
                let at = Position { seed: self.seed, update: self.progress.updates, progress };
                let batch = self.rollout.batch(shape.observation_len);
                self.optimiser.optimise(&self.pool, &self.config, &batch, at)
            }
            Algorithm::A3c { .. } => {
                let Self { optimiser, pool, config, rollout, .. } = self;
                a3c::optimise::optimise(optimiser, pool, config, rollout, shape, progress)
            }
        };
        self.behaviour = before;
        outcome
    }

    /// Divides rewards by the deviation of the return, if wanted.
    fn scale_rewards(&mut self, shape: RolloutShape) {
        if let Some(normaliser) = &mut self.normaliser {
            let mut first = 0;
            for lane in self.rollout.lanes(shape) {
                let streams = lane.next_values.len();
                normaliser.observe(first, streams, lane.rewards, lane.ends, self.config.gamma);
                first += streams;
            }
            let scale = normaliser.scale();
            self.rollout.rewards.iter_mut().for_each(|reward| *reward *= scale);
        }
    }

    /// Fills advantages and returns.
    fn estimate_advantages(&mut self, shape: RolloutShape) {
        let (gamma, lambda) = (self.config.gamma, self.config.gae_lambda);
        let lanes: Vec<_> = self.rollout.lanes(shape).collect();
        self.pool.install(|| {
            lanes.into_par_iter().for_each(|lane| {
                let segment = Segment {
                    robots: shape.robots,
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

    /// The next rollout's shape: shorter at the end of the run.
    fn next_shape(&self) -> RolloutShape {
        let robots = self.world.num_robots;
        let width = (self.config.num_envs * robots) as u64;
        let left = (self.config.total_steps - self.progress.steps_done).div_ceil(width);
        let steps = (self.config.num_steps as u64).min(left) as usize;
        RolloutShape { num_envs: self.config.num_envs, steps, robots, observation_len: self.observation.len() }
    }

    pub(crate) fn report(&self, shape: RolloutShape, fraction: f64, outcome: &Outcome) -> UpdateReport {
        let losses = &outcome.losses;
        let samples = losses.samples.max(1.0);
        UpdateReport {
            update: self.progress.updates,
            steps_done: self.progress.steps_done,
            total_steps: self.config.total_steps,
            rollout_steps: shape.len() as u64,
            episodes_finished: self.progress.episodes_finished,
            epochs: outcome.epochs,
            policy_loss: losses.policy_loss / samples,
            value_loss: losses.value_loss / samples,
            entropy: losses.entropy / samples,
            approx_kl: losses.approx_kl / samples,
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

/// The environments of a training run.
pub(crate) fn batch_config(world: &WorldConfig, config: &PpoConfig, seed: u64) -> BatchConfig {
    BatchConfig {
        world: world.clone(),
        run_seed: seed,
        purpose: EpisodePurpose::Training,
        num_envs: config.num_envs as u32,
        stagger: true,
        observe: true,
    }
}

fn lane_memories(network: &NetworkShape, world: &WorldConfig, config: &PpoConfig) -> Vec<LaneMemory> {
    let shape = RolloutShape { num_envs: config.num_envs, steps: 1, robots: world.num_robots, observation_len: 0 };
    let environments = shape.lane_envs().min(config.num_envs);
    (0..config.num_envs.div_ceil(shape.lane_envs()))
        .map(|_| LaneMemory::new(network, environments, world.num_robots))
        .collect()
}
