//! Map generators: one file each, all deterministic in the generator they are given.

mod cave;
mod maze;
mod random;
mod room;

use crate::config::{MapType, WorldConfig};
use crate::error::MapError;
use crate::map::{Cell, Map, is_station_site};
use crate::rng::below;
use rand_chacha::ChaCha8Rng;

/// Maps tried before [`MapError::NotFound`].
const ATTEMPTS: u32 = 200;

/// Draws the map of an episode: obstacles of the configured type, then one charging station per robot.
///
/// Use [`crate::rng::map_rng`] for `rng`: then the map is a function of its seed and the configuration.
///
/// # Errors
/// [`MapError::NotFound`] if no drawn map has room for the stations.
pub fn generate(config: &WorldConfig, rng: &mut ChaCha8Rng) -> Result<Map, MapError> {
    for _ in 0..ATTEMPTS {
        if let Some(obstacles) = draw_obstacles(config, rng)
            && let Some(stations) = draw_stations(config, &obstacles, rng)
            && let Ok(map) = Map::new(config.width, config.height, obstacles, stations)
        {
            return Ok(map);
        }
    }
    Err(MapError::NotFound {
        map_type: config.map.map_type,
        width: config.width,
        height: config.height,
        num_robots: config.num_robots,
        attempts: ATTEMPTS,
    })
}

fn draw_obstacles(config: &WorldConfig, rng: &mut ChaCha8Rng) -> Option<Vec<bool>> {
    let (width, height) = (config.width, config.height);
    match config.map.map_type {
        MapType::Random => random::generate(width, height, config.map.count, rng),
        MapType::Maze => Some(maze::generate(width, height, rng)),
        MapType::Room => Some(room::generate(width, height, rng)),
        MapType::Cave => cave::generate(width, height, config.map.initial_wall_probability, rng),
    }
}

/// One station per robot, drawn without replacement from all sites.
fn draw_stations(config: &WorldConfig, obstacles: &[bool], rng: &mut ChaCha8Rng) -> Option<Vec<Cell>> {
    let (width, height) = (config.width, config.height);
    let mut sites: Vec<Cell> = (0..width * height)
        .map(|index| Cell { x: (index % width) as u8, y: (index / width) as u8 })
        .filter(|cell| is_station_site(width, height, obstacles, *cell))
        .collect();
    (0..config.num_robots).map(|_| (!sites.is_empty()).then(|| sites.swap_remove(below(rng, sites.len())))).collect()
}
