//! Steps of environments and steps of robots: a run counts the ones, its learner the others.

use contracts::RunConfig;
use contracts::config::Worlds;
use contracts::events::Split;

/// The robots of a run that trains, in all its environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Teams {
    environments: u64,
    robots: u64,
}

impl Teams {
    pub fn of(config: &RunConfig) -> Self {
        let environments = config.learning.num_envs.max(1);
        let robots = (0..environments).map(|index| trained_team(config, index) as u64).sum();
        Self { environments: environments.into(), robots }
    }

    /// Robots per environment, on average.
    pub fn mean_size(self) -> f64 {
        self.robots as f64 / self.environments as f64
    }

    /// Robot-steps in so many steps of environments, spread evenly over them; rounded up.
    pub fn robot_steps(self, timesteps: u64) -> u64 {
        scale(timesteps, self.robots, self.environments, true)
    }

    /// Steps of environments in so many robot-steps, rounded down.
    pub fn timesteps(self, robot_steps: u64) -> u64 {
        scale(robot_steps, self.environments, self.robots, false)
    }
}

/// Robots that play in an episode of the archive; external ones are of the run's own world.
pub fn team_size(config: &RunConfig, split: Split, episode_index: u64) -> usize {
    let environments = u64::from(config.learning.num_envs.max(1));
    match split {
        Split::Train => trained_team(config, (episode_index % environments) as u32),
        Split::Eval | Split::Baseline | Split::External => config.world.num_robots as usize,
    }
}

/// The same, if it is one for all episodes of a split.
pub fn common_team_size(config: &RunConfig, split: Split) -> Option<usize> {
    let drawn = split == Split::Train && config.worlds() == Worlds::Universal;
    (!drawn).then_some(config.world.num_robots as usize)
}

fn trained_team(config: &RunConfig, env_index: u32) -> usize {
    match config.worlds() {
        Worlds::Fixed => config.world.num_robots as usize,
        Worlds::Universal => environment::drawn_team_size(env_index, config.learning.num_envs),
    }
}

/// `number` × `by` ÷ `of`, without overflow on the way.
fn scale(number: u64, by: u64, of: u64, up: bool) -> u64 {
    let (product, of) = (u128::from(number) * u128::from(by), u128::from(of.max(1)));
    let scaled = if up { product.div_ceil(of) } else { product / of };
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
