//! The first moment of an episode.

use super::homing::Homing;
use super::{KeptReady, Robot, World, mix};
use super::{Tally, Terrain, ThreatField, Trail};
use crate::action::Heading;
use crate::config::WorldConfig;
use crate::map::{Cell, Map};
use crate::rng::{EpisodeKey, Stream, below};
use std::sync::Arc;

impl World {
    /// The caller has checked that configuration and map fit.
    pub(super) fn start(config: Arc<WorldConfig>, map: Arc<Map>, map_seed: u64, key: EpisodeKey) -> Self {
        let cells = config.width * config.height;
        let robots = start_cells(&config, &map, key).into_iter().map(|cell| Robot {
            cell,
            heading: Heading::North,
            battery: 100.0,
            charging: false,
            last_action: None,
        });
        let mut world = Self {
            key,
            map_seed,
            max_steps: config.episode_length(),
            step: 0,
            robots: robots.collect(),
            trails: vec![Trail::default(); config.num_robots],
            objects: Vec::new(),
            object_at: vec![0; cells],
            restless: Vec::new(),
            field: ThreatField::new(&map),
            terrain: Terrain::new(&map),
            homing: Homing::new(&map, config.battery_drain_rate, config.episode_length()),
            adviser: None,
            ready: KeptReady::default(),
            visits: vec![0; cells],
            tally: Tally::default(),
            rng: key.rng(Stream::Objects),
            hash: mix(map.map_hash(), key.run_seed),
            map,
            config,
        };
        world.record_start();
        world
    }

    fn record_start(&mut self) {
        for robot in &self.robots {
            self.visits[self.field.index(robot.cell)] += 1;
        }
        self.tally.visited = self.robots.len() as u32;
        self.hash = mix(self.hash, u64::from(self.key.env_index) << 32 | u64::from(self.key.episode));
        self.hash = mix(self.hash, self.key.purpose as u64);
        self.extend_hash();
        self.tally.first_hash = self.hash;
    }
}

/// Where the robots of an episode start, heading north: on the stations, or with `strategic_init` on the free cells nearest
/// to points that divide the grid well.
pub fn start_cells(config: &WorldConfig, map: &Map, key: EpisodeKey) -> Vec<Cell> {
    if !config.strategic_init {
        return map.stations().to_vec();
    }
    let mut points = strategic_points(config.width, config.height);
    let mut rng = key.rng(Stream::Start);
    let mut starts = Vec::with_capacity(config.num_robots);
    while starts.len() < config.num_robots {
        let point = points.swap_remove(below(&mut rng, points.len()));
        starts.extend(nearest_free(map, point, &starts));
    }
    starts
}

/// Centre, quarter points, and middles and corners of the rim moved in by a patrol's radius: 13 points for at most
/// ten robots.
fn strategic_points(width: usize, height: usize) -> Vec<Cell> {
    let spread = |side: usize| [2.min(side / 2), side / 4, side / 2, side - 1 - side / 4, side - 1 - 2.min(side / 2)];
    let (xs, ys) = (spread(width), spread(height));
    let pairs =
        [(2, 2), (1, 1), (3, 1), (1, 3), (3, 3), (2, 0), (4, 2), (2, 4), (0, 2), (0, 0), (4, 0), (0, 4), (4, 4)];
    pairs.iter().map(|(x, y)| Cell { x: xs[*x] as u8, y: ys[*y] as u8 }).collect()
}

/// The free cell that is nearest to `point` and not taken; the first in row-major order among equals.
fn nearest_free(map: &Map, point: Cell, taken: &[Cell]) -> Option<Cell> {
    (0..map.width() * map.height())
        .map(|index| Cell { x: (index % map.width()) as u8, y: (index / map.width()) as u8 })
        .filter(|cell| map.is_free(cell.x.into(), cell.y.into()) && !taken.contains(cell))
        .min_by_key(|cell| cell.x.abs_diff(point.x) + cell.y.abs_diff(point.y))
}
