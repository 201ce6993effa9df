//! The world: state, one step of it, and what can be asked of it.

pub(crate) mod bytes;
mod codec;
pub(crate) mod gain;
pub(crate) mod homing;
mod movement;
mod reward;
pub(crate) mod square;
mod start;
mod step;
mod tally;
pub(crate) mod terrain;
pub(crate) mod threat;
mod trail;

use crate::action::{Action, ActionMask, Heading};
use crate::agents::adviser::Adviser;
use crate::config::{CELLS_PER_ROBOT, PatrolRadius, WorldConfig};
use crate::error::WorldError;
use crate::map::{Cell, Map};
use crate::observation::ObservationSpec;
use crate::rng::{EpisodeKey, map_rng};
use crate::simd::Simd;
pub use start::start_cells;

use homing::Homing;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use tally::Tally;
use terrain::{Terrain, UNREACHABLE};
use threat::ThreatField;
use trail::Trail;

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
    trails: Vec<Trail>,
    objects: Vec<SuspiciousObject>,
    /// Per cell: the step at which its object appeared, 0 without one.
    object_at: Vec<u32>,
    /// Cells with an object that are below the cap, so that the object adds to them.
    restless: Vec<Cell>,
    pub(crate) field: ThreatField,
    pub(crate) terrain: Terrain,
    /// Ways home, if batteries do not outlast the episode.
    pub(crate) homing: Option<Homing>,
    /// What the tour would do, if observations need it.
    pub(crate) adviser: Option<Box<Adviser>>,
    /// What it keeps ready, across resets.
    ready: KeptReady,
    visits: Vec<u32>,
    tally: Tally,
    rng: ChaCha8Rng,
    hash: u64,
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

/// What observations need beyond the state of the world.
#[derive(Clone, Copy, Debug, Default)]
struct KeptReady {
    gain: bool,
    advice: bool,
    /// Where nobody has to charge: otherwise no timetable holds.
    slack: bool,
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
        if (map.width(), map.height(), map.stations().len()) != (config.width, config.height, config.num_robots) {
            return Err(
                crate::error::MapError::Invalid("its size or number of stations is not the configured one").into()
            );
        }
        Ok(Self::start(Arc::new(config.clone()), map, map_seed, key))
    }

    /// Starts another episode, with its own map unless the configuration fixes one.
    ///
    /// # Errors
    /// If the map cannot be made; the world is then unchanged.
    pub fn reset(&mut self, key: EpisodeKey) -> Result<(), WorldError> {
        let (map_seed, map) = match self.config.map.seed {
            Some(seed) if seed == self.map_seed => (seed, Arc::clone(&self.map)),
            fixed => {
                let seed = fixed.unwrap_or_else(|| key.map_seed());
                (seed, Arc::new(crate::maps::generate(&self.config, &mut map_rng(seed))?))
            }
        };
        let ready = self.ready;
        *self = Self::start(Arc::clone(&self.config), map, map_seed, key);
        self.keep_ready(ready);
        Ok(())
    }

    /// Starts another episode in a world of another kind.
    ///
    /// # Errors
    /// As [`World::new`]; the world is then unchanged.
    pub fn replace(&mut self, config: &WorldConfig, key: EpisodeKey) -> Result<(), WorldError> {
        let ready = self.ready;
        *self = Self::new(config, key)?;
        self.keep_ready(ready);
        Ok(())
    }

    /// Keeps ready what such observations need, from now on and across resets.
    pub fn track_observations(&mut self, observation: &ObservationSpec) {
        self.keep_ready(KeptReady { gain: true, advice: observation.tour, slack: observation.slack });
    }

    fn keep_ready(&mut self, wanted: KeptReady) {
        self.ready = wanted;
        if wanted.gain {
            self.field.track(self.objects.iter().map(|object| object.cell));
        }
        // A lone robot that is held to a round had better be held to the shortest; it shares it with nobody.
        let held = wanted.slack && self.config.batteries_last();
        let thorough = held && self.robots.len() == 1 && self.visits.len() <= CELLS_PER_ROBOT;
        if wanted.advice && self.adviser.as_ref().is_none_or(|adviser| adviser.is_thorough() != thorough) {
            self.adviser = Some(Box::new(Adviser::new(self, thorough)));
        }
        if let Some(mut adviser) = self.adviser.take_if(|_| held) {
            adviser.keep_slack(self);
            self.adviser = Some(adviser);
        }
    }

    /// Computes with another vector unit than the best one, until the next reset. Every unit gives the same bits.
    pub fn use_simd(&mut self, simd: Simd) {
        self.field.use_simd(simd);
    }

    /// Truncates this episode after `max_steps` steps; the next reset restores the configured length.
    pub fn set_max_steps(&mut self, max_steps: u32) {
        self.max_steps = max_steps;
    }

    /// What the world was built from.
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// The same, to be kept.
    pub fn shared_config(&self) -> &Arc<WorldConfig> {
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

    /// Whether every battery is empty: the episode is over.
    pub fn terminated(&self) -> bool {
        !self.robots.iter().any(Robot::alive)
    }

    /// Whether the episode reached its length without being terminated.
    pub fn truncated(&self) -> bool {
        self.step >= self.max_steps && !self.terminated()
    }

    /// Team size.
    pub fn num_robots(&self) -> usize {
        self.robots.len()
    }

    /// The robots.
    pub fn robots(&self) -> &[Robot] {
        &self.robots
    }

    /// Objects that wait to be removed, oldest first.
    pub fn objects(&self) -> &[SuspiciousObject] {
        &self.objects
    }

    /// Threat of a cell in hundredths, 0 to 100; 0 for obstacles.
    ///
    /// # Panics
    /// If the cell is outside the grid.
    pub fn threat(&self, cell: Cell) -> u8 {
        self.field.level(self.field.index(cell)) as u8
    }

    /// Writes the threat of every cell in hundredths, row-major, 0 for obstacles. `grid` has W·H entries.
    pub fn write_threat(&self, grid: &mut [u8]) {
        for (index, level) in grid.iter_mut().enumerate().take(self.visits.len()) {
            *level = self.field.level(index) as u8;
        }
    }

    /// Mean threat over the free cells now, 0 to 1.
    pub fn mean_threat(&self) -> f64 {
        f64::from(self.field.total) / (100.0 * self.map.free_cells() as f64)
    }

    /// Step at which each cell was last cleared, row-major; 0 if never.
    pub fn last_cleared(&self) -> &[u32] {
        &self.field.cleared_at[..self.visits.len()]
    }

    /// How often robots entered (or started on) each cell, row-major.
    pub fn visits(&self) -> &[u32] {
        &self.visits
    }

    /// Share of the free cells that were cleared at least once.
    pub fn coverage(&self) -> f64 {
        f64::from(self.field.covered) / self.map.free_cells() as f64
    }

    /// Step at which every free cell had been cleared at least once, 0 before.
    pub(crate) fn covered_at(&self) -> u32 {
        self.tally.full_coverage_at
    }

    /// Cells from `cell` to the nearest charging station, by Manhattan distance.
    pub fn station_distance(&self, cell: Cell) -> u32 {
        let station = self.nearest_station(cell);
        u32::from(station.x.abs_diff(cell.x)) + u32::from(station.y.abs_diff(cell.y))
    }

    /// The charging station nearest to `cell` by Manhattan distance, the first among equals.
    pub fn nearest_station(&self, cell: Cell) -> Cell {
        let distance = |station: &Cell| u32::from(station.x.abs_diff(cell.x)) + u32::from(station.y.abs_diff(cell.y));
        self.map.stations().iter().copied().min_by_key(distance).unwrap_or(cell)
    }

    /// Steps over free cells from `cell` to the nearest charging station; `None` for an obstacle.
    ///
    /// # Panics
    /// If the cell is outside the grid.
    pub fn station_path(&self, cell: Cell) -> Option<u16> {
        Some(self.terrain.station_path[self.field.index(cell)]).filter(|steps| *steps != UNREACHABLE)
    }

    /// Chebyshev radius of a patrol at the present threat: 2 or 3.
    pub fn patrol_radius(&self) -> usize {
        let calm = self.field.total < 20 * self.map.free_cells() as u32;
        if self.config.patrol_radius == PatrolRadius::Dynamic && calm { 3 } else { 2 }
    }

    /// Actions that are not pointless: no forward into a wall, obstacle or robot, no undoing of the last turn, no patrol
    /// straight after a patrol unless the robot is charging; and, where batteries do not outlast the episode, nothing that
    /// leaves the robot without a way to its station (`world/homing.rs`). Where slack is observed, a robot without any is left what
    /// the tour would do. Never empty; advice only, every action may be taken. A robot with an empty battery can only stay.
    ///
    /// # Panics
    /// If there is no such robot.
    pub fn action_mask(&self, index: usize) -> ActionMask {
        let robot = &self.robots[index];
        if !robot.alive() {
            return ActionMask(Action::Patrol.bit());
        }
        let mut mask = ActionMask::ALL.0;
        let occupied = |cell: Cell| self.robots.iter().fold(false, |occupied, other| occupied | (other.cell == cell));
        let ahead = self.cell_ahead(robot).filter(|cell| !occupied(*cell));
        if ahead.is_none() {
            mask &= !Action::Forward.bit();
        }
        let undone = match robot.last_action {
            Some(Action::TurnLeft) => Action::TurnRight.bit(),
            Some(Action::TurnRight) => Action::TurnLeft.bit(),
            Some(Action::Patrol) => Action::Patrol.bit(),
            Some(Action::Forward) | None => 0,
        };
        mask &= !undone | if robot.charging { Action::Patrol.bit() } else { 0 };
        if let Some(adviser) = &self.adviser {
            let advice = adviser.advice(index).bit();
            if adviser.insists(index) {
                return ActionMask(advice);
            }
            let unobtrusive = self.homing.as_ref().map_or(mask, |homing| self.unobtrusive(homing, index, mask));
            return ActionMask(unobtrusive & adviser.affordable(index).0 | advice);
        }
        match &self.homing {
            Some(homing) => ActionMask(self.safe_actions(homing, index, mask)),
            None => ActionMask(mask),
        }
    }

    /// A hash chain over what every step did: key, map, and per step all robots (cell, heading, action, battery) and the
    /// total threat. Equal chains mean equal episodes; it costs a few multiplications per step because it does not look at
    /// every cell.
    pub fn state_hash(&self) -> u64 {
        self.hash
    }

    /// The free cell in front of a robot, whether or not another robot stands on it.
    fn cell_ahead(&self, robot: &Robot) -> Option<Cell> {
        let (dx, dy) = robot.heading.delta();
        let (x, y) = (isize::from(robot.cell.x) + dx as isize, isize::from(robot.cell.y) + dy as isize);
        self.map.is_free(x, y).then_some(Cell { x: x as u8, y: y as u8 })
    }

    fn extend_hash(&mut self) {
        let mut hash = mix(self.hash, u64::from(self.field.total) << 32 | u64::from(self.step));
        for robot in &self.robots {
            let pose = u64::from(robot.cell.x) | u64::from(robot.cell.y) << 8 | (robot.heading as u64) << 16;
            let action = robot.last_action.map_or(7, |action| action as u64) << 24;
            hash = mix(hash, pose | action | u64::from(robot.charging) << 32);
            hash = mix(hash, robot.battery.to_bits());
        }
        self.hash = hash;
    }
}

/// Folded multiplication: the two halves of a 128-bit product, xored. Wang Yi, *wyhash*, 2019.
fn mix(hash: u64, value: u64) -> u64 {
    let product = u128::from(hash ^ value ^ 0x9e37_79b9_7f4a_7c15) * 0xa076_1d64_78bd_642f;
    (product >> 64) as u64 ^ product as u64
}
