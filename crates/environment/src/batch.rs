//! Many worlds side by side, each going from episode to episode.

use crate::action::Action;
use crate::config::WorldConfig;
use crate::error::WorldError;
use crate::map::Map;
use crate::observation::ObservationSpec;
use crate::record::StepRecord;
use crate::rng::{EpisodeKey, Purpose};
use crate::summary::EpisodeSummary;
use crate::world::World;
use crate::worlds::Worlds;
use std::sync::Arc;

/// What a batch of worlds is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchConfig {
    /// The worlds of the environments.
    pub worlds: Worlds,
    /// Seed of the run.
    pub run_seed: u64,
    /// What the episodes are for.
    pub purpose: Purpose,
    /// Environments, at least 1.
    pub num_envs: u32,
    /// First episodes are shortened to (env_index + 1) / num_envs of the length, so that ends spread over time.
    pub stagger: bool,
    /// Worlds keep ready what such observations need.
    pub observe: Option<ObservationSpec>,
}

/// `num_envs` environments. Each is independent, so a batch may be split among threads by
/// [`WorldBatch::environments_mut`] without changing a bit.
#[derive(Clone, Debug)]
pub struct WorldBatch {
    environments: Vec<Environment>,
}

/// One environment: a world and its place in the run.
#[derive(Clone, Debug)]
pub struct Environment {
    world: World,
    worlds: Arc<Worlds>,
    num_envs: u32,
}

/// An episode that is over.
#[derive(Clone, Debug)]
pub struct FinishedEpisode {
    /// `episode * num_envs + env_index`: unique within the run and purpose.
    pub episode_index: u64,
    /// Its metrics.
    pub summary: EpisodeSummary,
    /// Its map.
    pub map: Arc<Map>,
    /// Its world.
    pub world: Arc<WorldConfig>,
}

impl WorldBatch {
    /// Builds all worlds at the start of episode 0.
    ///
    /// # Errors
    /// If the configuration is wrong or a map cannot be made.
    pub fn new(config: &BatchConfig) -> Result<Self, WorldError> {
        let environments = (0..config.num_envs).map(|index| Environment::new(config, index));
        Ok(Self { environments: environments.collect::<Result<_, _>>()? })
    }

    /// The environments, by index.
    pub fn environments(&self) -> &[Environment] {
        &self.environments
    }

    /// The environments, by index, to be stepped; split it to use several threads.
    pub fn environments_mut(&mut self) -> &mut [Environment] {
        &mut self.environments
    }

    /// Steps every world and starts the next episode where one is over.
    ///
    /// `actions` holds one action per robot, environment by environment, `records` one record per environment. Finished episodes are
    /// added to `finished`. To look at a final state before it is gone, step the environments one by one.
    ///
    /// # Errors
    /// If the map of a next episode cannot be made.
    ///
    /// # Panics
    /// If `actions` or `records` are too short.
    pub fn step(
        &mut self,
        actions: &[Action],
        records: &mut [StepRecord],
        finished: &mut Vec<FinishedEpisode>,
    ) -> Result<(), WorldError> {
        let mut first = 0;
        for (index, environment) in self.environments.iter_mut().enumerate() {
            let robots = environment.world.num_robots();
            environment.step(&actions[first..first + robots], &mut records[index]);
            first += robots;
            if records[index].done() {
                finished.push(environment.start_next_episode()?);
            }
        }
        Ok(())
    }
}

impl Environment {
    /// Environment `env_index` at the start of its first episode.
    ///
    /// # Errors
    /// If the configuration is wrong or the map cannot be made.
    pub fn new(config: &BatchConfig, env_index: u32) -> Result<Self, WorldError> {
        let key = EpisodeKey { run_seed: config.run_seed, purpose: config.purpose, env_index, episode: 0 };
        let mut world = World::new(&config.worlds.config(key, config.num_envs), key)?;
        if config.stagger {
            let full = u64::from(world.config().episode_length());
            let first = full * u64::from(env_index + 1) / u64::from(config.num_envs.max(1));
            world.set_max_steps(first.max(1) as u32);
        }
        if let Some(observation) = &config.observe {
            world.track_observations(observation);
        }
        Ok(Self { world, worlds: Arc::new(config.worlds.clone()), num_envs: config.num_envs })
    }

    /// The world, as it is now.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Whether each episode has a world of its own.
    pub fn draws_worlds(&self) -> bool {
        matches!(*self.worlds, Worlds::Universal(_))
    }

    /// `episode * num_envs + env_index` of the current episode.
    pub fn episode_index(&self) -> u64 {
        let key = self.world.key();
        u64::from(key.episode) * u64::from(self.num_envs) + u64::from(key.env_index)
    }

    /// One step, without starting the next episode: the final state stays until
    /// [`Environment::start_next_episode`], which must follow before the next step.
    #[inline]
    pub fn step(&mut self, actions: &[Action], record: &mut StepRecord) {
        self.world.step(actions, record);
    }

    /// Ends the current episode and starts the next one of this environment.
    ///
    /// # Errors
    /// If the next map cannot be made.
    pub fn start_next_episode(&mut self) -> Result<FinishedEpisode, WorldError> {
        let finished = FinishedEpisode {
            episode_index: self.episode_index(),
            summary: self.world.episode_summary(),
            map: Arc::clone(self.world.map()),
            world: Arc::clone(self.world.shared_config()),
        };
        let key = self.world.key();
        let next = EpisodeKey { episode: key.episode.wrapping_add(1), ..key };
        match &*self.worlds {
            Worlds::Fixed(_) => self.world.reset(next)?,
            worlds => self.world.replace(&worlds.config(next, self.num_envs), next)?,
        }
        Ok(finished)
    }

    /// The full state, for a checkpoint. Where worlds are drawn it starts with what the world was drawn for.
    pub fn to_bytes(&self) -> Vec<u8> {
        let key = self.world.key();
        match &*self.worlds {
            Worlds::Fixed(_) => self.world.to_bytes(),
            Worlds::Universal(_) => {
                [&key.env_index.to_le_bytes()[..], &key.episode.to_le_bytes(), &self.world.to_bytes()].concat()
            }
        }
    }

    /// Continues bit for bit from [`Environment::to_bytes`].
    ///
    /// # Errors
    /// If the bytes do not hold a world of this configuration.
    pub fn from_bytes(config: &BatchConfig, bytes: &[u8]) -> Result<Self, WorldError> {
        Self::from_bytes_and_plan(config, bytes, &[])
    }

    /// What [`Environment::to_bytes`] leaves out because it can be planned again.
    pub fn plan_to_bytes(&self) -> Vec<u8> {
        self.world.plan_to_bytes()
    }

    /// As [`Environment::from_bytes`], with the plan of the same moment instead of planning anew; an empty one is none.
    ///
    /// # Errors
    /// If the bytes do not hold a world of this configuration, or nobody could do as planned.
    pub fn from_bytes_and_plan(config: &BatchConfig, bytes: &[u8], plan: &[u8]) -> Result<Self, WorldError> {
        let mut world = match &config.worlds {
            Worlds::Fixed(world) => World::from_bytes_and_plan(world, bytes, plan)?,
            worlds => {
                let short = WorldError::Corrupt("too short");
                let ([env_index, episode], bytes) = split_words(bytes).ok_or(short)?;
                let key = EpisodeKey { run_seed: config.run_seed, purpose: config.purpose, env_index, episode };
                World::from_bytes_and_plan(&worlds.config(key, config.num_envs), bytes, plan)?
            }
        };
        if let Some(observation) = &config.observe {
            world.track_observations(observation);
        }
        Ok(Self { world, worlds: Arc::new(config.worlds.clone()), num_envs: config.num_envs })
    }
}

/// Two little-endian words and what follows them.
fn split_words(bytes: &[u8]) -> Option<([u32; 2], &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<4>()?;
    let (second, rest) = rest.split_first_chunk::<4>()?;
    Some(([u32::from_le_bytes(*first), u32::from_le_bytes(*second)], rest))
}
