//! Values that were measured to work best; `docs/learning.md` says how well, `docs/experiments.md` what else was tried.

use contracts::config::{Algorithm, MapType, WorldSettings, Worlds};

/// Drawn teams are of 1 to 10 robots, each size with as many robots in all: ten environments have 10 · 10 / (1 + 1/2 + … +
/// 1/10) = 34 robots on average.
const ROBOTS_IN_TEN_DRAWN_WORLDS: u64 = 34;

/// Cells that one robot cannot keep below full threat.
const CELLS_PER_ROBOT: u32 = 400;

/// Charge that a robot does not go below, of 100.
const RESERVE: f64 = 2.0;

/// Who trains: teams of one size, or of every size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teams {
    Of(u32),
    Drawn,
}

impl Teams {
    pub fn of(worlds: Worlds, world: &WorldSettings) -> Self {
        match worlds {
            Worlds::Fixed => Self::Of(world.num_robots),
            Worlds::Universal => Self::Drawn,
        }
    }

    /// Steps of single robots in a rollout, about as many where teams are drawn.
    pub fn samples(self, num_envs: u32, rollout_length: u32) -> u64 {
        let steps = u64::from(num_envs) * u64::from(rollout_length);
        match self {
            Self::Of(robots) => steps * u64::from(robots),
            Self::Drawn => steps * ROBOTS_IN_TEN_DRAWN_WORLDS / 10,
        }
    }
}

/// Settings that depend on the teams, the map and the algorithm.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    pub num_envs: u32,
    /// Environment steps per rollout of all environments together.
    rollout_steps: u32,
    pub batch_size: u32,
    /// Passes over what was collected.
    pub epochs: u32,
    pub learning_rate: f64,
    pub gamma: f64,
    pub entropy_coefficient: f64,
    pub reward_scale: f64,
    pub threat_shaping: f64,
    pub calm_shaping: f64,
    /// Where objects weigh 1 in the reward.
    pub object_shaping: f64,
    pub tour_prior: f64,
    pub tour_anchor: f64,
}

impl Measured {
    pub fn of(algorithm: Algorithm, teams: Teams, world: &WorldSettings) -> Self {
        let measured = match teams {
            Teams::Of(0 | 1) => Self::alone(algorithm, world),
            Teams::Of(robots) => Self::team(robots),
            Teams::Drawn => Self::drawn(),
        };
        match algorithm {
            Algorithm::Ppo => measured,
            Algorithm::A3c => measured.for_a3c(),
        }
    }

    fn alone(algorithm: Algorithm, world: &WorldSettings) -> Self {
        let cells = world.width * world.height;
        let from_tour = match world.map.map_type {
            MapType::Maze => true,
            MapType::Room => cells <= CELLS_PER_ROBOT && batteries_last(world) && world.object_weight <= 1.0,
            MapType::Random | MapType::Cave => false,
        };
        match algorithm {
            _ if cells < CELLS_PER_ROBOT => Self::keeping_up(from_tour),
            Algorithm::Ppo if from_tour => Self::lone().along_the_tour(),
            _ => Self::lone(),
        }
    }

    /// In this many environments a rollout is so long: fewer environments collect for longer, so that an update sees as
    /// many samples.
    pub fn rollout_length(&self, num_envs: u32) -> u32 {
        (self.rollout_steps / num_envs.max(1)).clamp(32, 1024)
    }

    fn lone() -> Self {
        Self {
            num_envs: 64,
            rollout_steps: 64 * 128,
            batch_size: 512,
            epochs: 4,
            learning_rate: 1e-3,
            gamma: 0.99,
            entropy_coefficient: 0.02,
            reward_scale: 0.001,
            threat_shaping: 0.0,
            calm_shaping: 0.0,
            // It has little time for objects.
            object_shaping: 0.05,
            tour_prior: 0.0,
            tour_anchor: 0.0,
        }
    }

    fn team(robots: u32) -> Self {
        let large = robots > 4;
        Self {
            num_envs: 32,
            rollout_steps: if large { 32 * 64 } else { 32 * 128 },
            batch_size: 1024,
            gamma: 0.97,
            entropy_coefficient: 0.005,
            reward_scale: 0.004,
            threat_shaping: 0.3,
            // Many robots race each other for what pays much.
            object_shaping: if large { 0.2 } else { 0.3 },
            tour_prior: 3.0,
            // Without it some seeds of a team end behind the tour.
            tour_anchor: 0.05,
            ..Self::lone()
        }
    }

    /// Worlds and teams of every size in one rollout.
    fn drawn() -> Self {
        Self {
            batch_size: 1024,
            learning_rate: 6e-4,
            gamma: 0.975,
            entropy_coefficient: 0.005,
            calm_shaping: 0.025,
            object_shaping: 0.8,
            tour_prior: 3.0,
            tour_anchor: 0.1,
            ..Self::lone()
        }
    }

    /// A lone robot that can keep all cells below full threat has time for objects, as a team has.
    fn keeping_up(from_tour: bool) -> Self {
        let Self { num_envs, rollout_steps, batch_size, entropy_coefficient, .. } = Self::lone();
        let as_a_team = Self { num_envs, rollout_steps, batch_size, ..Self::team(2) };
        if from_tour { as_a_team } else { Self { entropy_coefficient, tour_prior: 0.0, tour_anchor: 0.0, ..as_a_team } }
    }

    /// Where there is little to be found beside the tour, as where a single way leads to each place: a lone robot keeps to it.
    fn along_the_tour(self) -> Self {
        Self { learning_rate: 3e-4, entropy_coefficient: 5e-4, tour_prior: 4.0, tour_anchor: 0.1, ..self }
    }

    /// Its actors lag behind by a whole update, which takes a quarter, and it is meant to be fast: one pass. Objects pay as
    /// much beside the other rewards.
    fn for_a3c(self) -> Self {
        let (rollout_steps, reward_scale) = (self.rollout_steps / 4, 0.004);
        let object_shaping = self.object_shaping * (reward_scale / self.reward_scale);
        Self { rollout_steps, batch_size: 256, epochs: 1, reward_scale, object_shaping, ..self }
    }
}

/// Whether no battery runs low within an episode.
fn batteries_last(world: &WorldSettings) -> bool {
    let steps = world.max_steps.unwrap_or((4 * world.width * world.height).max(1000));
    world.battery_drain_rate * f64::from(steps) + RESERVE < 100.0
}
