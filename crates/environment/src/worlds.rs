//! Which world each episode plays in: always the same kind, or one drawn from all there are.

use crate::config::{MAX_ROBOTS, MapType, WorldConfig};
use crate::rng::{EpisodeKey, Stream, below};
use std::ops::RangeInclusive;

/// Shortest and longest side of a drawn world, in cells.
const SHORTEST_SIDE: usize = 8;
const LONGEST_SIDE: usize = 50;
/// Cells that a drawn world has at least for each robot.
const CELLS_PER_ROBOT: usize = 16;
/// Steps of an episode in a drawn world unless the configuration says otherwise: threat has long settled by then.
const EPISODE_LENGTH: u32 = 1_000;
/// Drain rate of the half of the drawn worlds in which batteries do not matter …
const IDLE_DRAIN: f64 = 0.001;
/// … and, in thousandths, of the others.
const PRESSING_DRAIN: RangeInclusive<usize> = 50..=500;

/// Where the worlds of a run come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Worlds {
    /// Every episode plays in this world.
    Fixed(WorldConfig),
    /// Each episode draws size, map type and drain rate; each environment keeps its team size. The rest is as given.
    Universal(WorldConfig),
}

impl From<WorldConfig> for Worlds {
    fn from(world: WorldConfig) -> Self {
        Worlds::Fixed(world)
    }
}

impl Worlds {
    /// What all worlds have in common: the world itself if it is fixed.
    pub fn base(&self) -> &WorldConfig {
        match self {
            Worlds::Fixed(world) | Worlds::Universal(world) => world,
        }
    }

    /// Robots in environment `env_index` of `num_envs`.
    pub fn team_size(&self, env_index: u32, num_envs: u32) -> usize {
        match self {
            Worlds::Fixed(world) => world.num_robots,
            Worlds::Universal(_) => drawn_team_size(env_index, num_envs),
        }
    }

    /// The world of the episode `key` in a run of `num_envs` environments: a function of the arguments alone.
    pub fn config(&self, key: EpisodeKey, num_envs: u32) -> WorldConfig {
        match self {
            Worlds::Fixed(world) => world.clone(),
            Worlds::Universal(base) => draw(base, self.team_size(key.env_index, num_envs), key),
        }
    }
}

/// Robots in environment `env_index` of `num_envs` where worlds are drawn. It rises from 1 to 10 with the index, so that each
/// team size has about the same number of robots.
pub fn drawn_team_size(env_index: u32, num_envs: u32) -> usize {
    // Shares in proportion to 1 / team size: 2520 is the least common multiple of 1 to 10.
    let total: u64 = (1..=MAX_ROBOTS as u64).map(|robots| 2520 / robots).sum();
    let place = (2 * u64::from(env_index) + 1) * total / (2 * u64::from(num_envs.max(1)));
    let ends = (1..=MAX_ROBOTS as u64).scan(0, |end, robots| {
        *end += 2520 / robots;
        Some(*end)
    });
    (1 + ends.take_while(|end| *end <= place).count()).min(MAX_ROBOTS)
}

/// Sides from the least that the team fits into up to 50, smaller ones more often, every second world square; any map
/// type; batteries that matter in every second world.
fn draw(base: &WorldConfig, num_robots: usize, key: EpisodeKey) -> WorldConfig {
    let mut rng = key.rng(Stream::World);
    let least = (SHORTEST_SIDE..LONGEST_SIDE).find(|side| side * side >= CELLS_PER_ROBOT * num_robots);
    let least = least.unwrap_or(LONGEST_SIDE);
    let mut side = || {
        let range = LONGEST_SIDE + 1 - least;
        let (a, b) = (below(&mut rng, range), below(&mut rng, range));
        least + a.min(b)
    };
    let (width, other) = (side(), side());
    let height = if below(&mut rng, 2) == 0 { width } else { other };
    let map_type = MapType::ALL[below(&mut rng, MapType::ALL.len())];
    let pressing = PRESSING_DRAIN.start() + below(&mut rng, PRESSING_DRAIN.end() + 1 - PRESSING_DRAIN.start());
    let battery_drain_rate = if below(&mut rng, 2) == 0 { IDLE_DRAIN } else { pressing as f64 / 1000.0 };
    let mut map = base.map.clone();
    map.map_type = map_type;
    let max_steps = Some(base.max_steps.unwrap_or(EPISODE_LENGTH));
    WorldConfig { width, height, num_robots, map, battery_drain_rate, max_steps, ..base.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MapConfig, Purpose, World};
    use std::collections::BTreeSet;

    fn key(env_index: u32, episode: u32) -> EpisodeKey {
        EpisodeKey { run_seed: 3, purpose: Purpose::Test, env_index, episode }
    }

    #[test]
    fn drawn_worlds_exist_and_span_everything() {
        let worlds = Worlds::Universal(WorldConfig::default());
        let (mut sides, mut types, mut teams, mut pressed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), 0);
        for env in 0..64 {
            for episode in 0..12 {
                let config = worlds.config(key(env, episode), 64);
                assert_eq!(config, worlds.config(key(env, episode), 64));
                World::new(&config, key(env, episode)).unwrap_or_else(|error| panic!("{config:?}: {error}"));
                sides.extend([config.width, config.height]);
                types.insert(config.map.map_type.name());
                teams.insert(config.num_robots);
                pressed += u32::from(config.battery_drain_rate > IDLE_DRAIN);
            }
        }
        assert_eq!((sides.first(), types.len(), teams.len()), (Some(&8), 4, MAX_ROBOTS));
        assert!(sides.last() > Some(&45) && (300..470).contains(&pressed), "{sides:?} {pressed}");
    }

    /// A command may ask for so many obstacles and for good starts, whatever is drawn.
    #[test]
    fn the_smallest_worlds_have_room_for_half_their_cells_in_obstacles() {
        let map = MapConfig { count: Some(32), ..MapConfig::default() };
        let worlds = Worlds::Universal(WorldConfig { map, strategic_init: true, ..WorldConfig::default() });
        let mut smallest = usize::MAX;
        for env in 0..64 {
            for episode in 0..20 {
                let config = worlds.config(key(env, episode), 64);
                World::new(&config, key(env, episode)).unwrap_or_else(|error| panic!("{config:?}: {error}"));
                smallest = smallest.min(config.width * config.height);
            }
        }
        assert_eq!(smallest, 64);
    }

    #[test]
    fn every_team_size_has_about_as_many_robots() {
        let worlds = Worlds::Universal(WorldConfig::default());
        for num_envs in [32, 64, 256] {
            let sizes: Vec<usize> = (0..num_envs).map(|env| worlds.team_size(env, num_envs)).collect();
            assert!(sizes.is_sorted());
            let total: usize = sizes.iter().sum();
            let mean = total as f64 / f64::from(num_envs);
            assert!((mean - 3.4).abs() < 0.05, "{mean} robots per environment of {num_envs}");
            for robots in 1..=MAX_ROBOTS {
                let share = sizes.iter().filter(|size| **size == robots).sum::<usize>() as f64 / total as f64;
                assert!((0.04..0.16).contains(&share), "{robots} of {num_envs}: {share}");
            }
        }
    }
}
