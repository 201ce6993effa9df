//! The world: state, one step of it, and what can be asked of it.

use crate::action::{Action, ActionMask, Heading};
use crate::config::WorldConfig;
use crate::error::WorldError;
use crate::map::{Cell, Map};
use crate::record::StepRecord;
use crate::rng::{EpisodeKey, map_rng};
use crate::summary::EpisodeSummary;
use std::sync::Arc;

/// One episode of the grid world. See the crate's documentation for the rules.
#[derive(Clone, Debug)]
pub struct World {
    config: Arc<WorldConfig>,
    key: EpisodeKey,
    map: Arc<Map>,
    map_seed: u64,
    max_steps: u32,
    step: u32,
    robots: Vec<Robot>,
    objects: Vec<SuspiciousObject>,
}

/// One robot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Robot {
    /// Where it stands.
    pub cell: Cell,
    /// Where it faces.
    pub heading: Heading,
    /// Charge, 0 to 100.
    pub battery: f64,
    /// On a station and below 100.
    pub charging: bool,
    /// What it did in the last step, if there was one.
    pub last_action: Option<Action>,
}

impl Robot {
    /// Whether it can still act.
    pub fn alive(&self) -> bool {
        self.battery > 0.0
    }
}

/// A suspicious object that waits to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuspiciousObject {
    /// Where it lies.
    pub cell: Cell,
    /// Step at which it appeared.
    pub spawned_at: u32,
}

impl World {
    /// Builds the world at the start of the episode `key`.
    ///
    /// # Errors
    /// If the configuration is wrong or the map cannot be made.
    pub fn new(config: &WorldConfig, key: EpisodeKey) -> Result<Self, WorldError> {
        config.validate()?;
        let map_seed = config.map.seed.unwrap_or_else(|| key.map_seed());
        let map = Arc::new(crate::maps::generate(config, &mut map_rng(map_seed))?);
        Self::with_map(config, map, map_seed, key)
    }

    /// Builds the world at the start of the episode `key` on a map of the caller's, for replay and tests.
    ///
    /// # Errors
    /// If the configuration is wrong or the map has another size or number of stations.
    pub fn with_map(config: &WorldConfig, map: Arc<Map>, map_seed: u64, key: EpisodeKey) -> Result<Self, WorldError> {
        config.validate()?;
        let robots = map.stations().iter().map(|cell| Robot {
            cell: *cell,
            heading: Heading::North,
            battery: 100.0,
            charging: false,
            last_action: None,
        });
        let robots = robots.collect();
        let max_steps = config.episode_length();
        let config = Arc::new(config.clone());
        Ok(Self { config, key, map, map_seed, max_steps, step: 0, robots, objects: Vec::new() })
    }

    /// Starts another episode, with its own map unless the configuration fixes one.
    ///
    /// # Errors
    /// If the map cannot be made.
    pub fn reset(&mut self, key: EpisodeKey) -> Result<(), WorldError> {
        *self = Self::new(&self.config.clone(), key)?;
        Ok(())
    }

    /// One step. `actions` holds one action per robot; those of robots with an empty battery are ignored.
    pub fn step(&mut self, actions: &[Action], record: &mut StepRecord) {
        let _ = (actions, record);
        self.step += 1;
    }

    /// Keeps ready what observations need, from now on and across resets.
    pub fn track_observations(&mut self) {}

    /// Truncates this episode after `max_steps` steps; the next reset restores the configured length.
    pub fn set_max_steps(&mut self, max_steps: u32) {
        self.max_steps = max_steps;
    }

    /// What the world was built from.
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// Names the episode.
    pub fn key(&self) -> EpisodeKey {
        self.key
    }

    /// Obstacles and charging stations.
    pub fn map(&self) -> &Arc<Map> {
        &self.map
    }

    /// Reproduces the map, together with the configuration.
    pub fn map_seed(&self) -> u64 {
        self.map_seed
    }

    /// Steps after which this episode is truncated.
    pub fn max_steps(&self) -> u32 {
        self.max_steps
    }

    /// Steps played.
    pub fn current_step(&self) -> u32 {
        self.step
    }

    /// Team size.
    pub fn num_robots(&self) -> usize {
        self.robots.len()
    }

    /// The robots.
    pub fn robots(&self) -> &[Robot] {
        &self.robots
    }

    /// Objects that wait to be removed, in no particular order.
    pub fn objects(&self) -> &[SuspiciousObject] {
        &self.objects
    }

    /// Threat of a cell in hundredths, 0 to 100; 0 for obstacles.
    pub fn threat(&self, cell: Cell) -> u8 {
        let _ = cell;
        0
    }

    /// Writes the threat of every cell in hundredths, row-major, 0 for obstacles. `grid` has W·H entries.
    pub fn write_threat(&self, grid: &mut [u8]) {
        grid.fill(0);
    }

    /// Mean threat over the free cells now, 0 to 1.
    pub fn mean_threat(&self) -> f64 {
        0.0
    }

    /// Step at which each cell was last cleared, row-major; 0 if never.
    pub fn last_cleared(&self) -> &[u32] {
        &[]
    }

    /// How often robots entered (or started on) each cell, row-major.
    pub fn visits(&self) -> &[u32] {
        &[]
    }

    /// Share of the free cells that were cleared at least once.
    pub fn coverage(&self) -> f64 {
        0.0
    }

    /// Cells from (x, y) to the nearest charging station, by Manhattan distance.
    pub fn station_distance(&self, cell: Cell) -> u32 {
        let _ = cell;
        0
    }

    /// Chebyshev radius of a patrol now: 2 or 3.
    pub fn patrol_radius(&self) -> usize {
        2
    }

    /// Actions that are not pointless: no forward into a wall, obstacle or robot, no undoing of the last turn, no patrol
    /// straight after a patrol unless the robot is charging. Never empty; advice only, every action may be taken.
    pub fn action_mask(&self, robot: usize) -> ActionMask {
        let _ = robot;
        ActionMask::ALL
    }

    /// A hash chain over what every step did: equal chains mean equal episodes.
    pub fn state_hash(&self) -> u64 {
        0
    }

    /// The metrics of the episode so far.
    pub fn episode_summary(&self) -> EpisodeSummary {
        EpisodeSummary {
            key: self.key,
            map_seed: self.map_seed,
            map_hash: self.map.map_hash(),
            max_steps: self.max_steps,
            length: self.step,
            terminated: false,
            truncated: false,
            episode_return: 0.0,
            mean_threat: 0.0,
            final_threat: 0.0,
            average_idleness: 0.0,
            worst_idleness: 0,
            coverage: 0.0,
            steps_to_full_coverage: None,
            visited_share: 0.0,
            interferences: 0,
            interference_rate: 0.0,
            objects_spawned: 0,
            objects_removed: 0,
            response_p50: None,
            response_p95: None,
            patrol_count: 0,
            move_count: 0,
            turn_count: 0,
            min_battery: 0.0,
            battery_deaths: 0,
            charging_events: 0,
            first_state_hash: 0,
            last_state_hash: 0,
        }
    }

    /// The full state: a world read back from it continues bit for bit.
    pub fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads [`World::to_bytes`] back.
    ///
    /// # Errors
    /// If the bytes do not hold a world of this configuration.
    pub fn from_bytes(config: &WorldConfig, bytes: &[u8]) -> Result<Self, WorldError> {
        let _ = (config, bytes);
        Err(WorldError::Corrupt("not a saved world"))
    }
}
