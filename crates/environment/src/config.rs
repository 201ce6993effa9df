//! What a world is made of, and the check that it can exist.

use crate::error::{ConfigError, FieldError};
use crate::world::homing::batteries_last;

/// Smallest and largest width and height of a world, in cells. Runs stay within 50; scripted agents are also played on
/// larger worlds on demand.
pub const SIDE_RANGE: std::ops::RangeInclusive<usize> = 3..=100;
/// Most robots in one world.
pub const MAX_ROBOTS: usize = 10;
/// Longest episode, in steps.
pub const MAX_STEPS: u32 = 1_000_000;

/// Cells that one robot cannot keep below full threat: on an open floor, the shortest round over so many takes 104 steps.
pub const CELLS_PER_ROBOT: usize = 400;

/// Everything that defines a world besides the seed of the episode.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldConfig {
    /// Cells from west to east, 3 to 100.
    pub width: usize,
    /// Cells from north to south, 3 to 100.
    pub height: usize,
    /// Robots in the team, 1 to 10.
    pub num_robots: usize,
    /// How obstacles are placed.
    pub map: MapConfig,
    /// Steps after which an episode is truncated; `None` means [`WorldConfig::episode_length`]'s default.
    pub max_steps: Option<u32>,
    /// What a patrol is paid for.
    pub patrol_reward: PatrolReward,
    /// When robots patrol.
    pub patrol_mode: PatrolMode,
    /// How far a patrol reaches.
    pub patrol_radius: PatrolRadius,
    /// Battery lost per step off the charging stations, of a charge of 100.
    pub battery_drain_rate: f64,
    /// Robots start on well spread cells instead of on their charging stations.
    pub strategic_init: bool,
    /// Terms added to the standard reward.
    pub reward: RewardConfig,
}

/// How obstacles are placed.
#[derive(Clone, Debug, PartialEq)]
pub struct MapConfig {
    /// The generator.
    pub map_type: MapType,
    /// One map for all episodes; `None` gives each episode its own.
    pub seed: Option<u64>,
    /// Obstacles of a `random` map; `None` draws 3 to 8 per episode.
    pub count: Option<usize>,
    /// Share of walls before the first round of a `cave` map, 0 to 1.
    pub initial_wall_probability: f32,
}

/// The map generators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapType {
    /// Single obstacles.
    Random,
    /// Perfect maze by recursive backtracking; needs at least 5×5 cells.
    Maze,
    /// Rooms three to six cells wide, joined by corridors.
    Room,
    /// Cave by cellular automaton.
    Cave,
}

impl MapType {
    /// All generators, in documentation order.
    pub const ALL: [MapType; 4] = [MapType::Random, MapType::Maze, MapType::Room, MapType::Cave];

    /// The name used in configuration and in the archive.
    pub const fn name(self) -> &'static str {
        match self {
            MapType::Random => "random",
            MapType::Maze => "maze",
            MapType::Room => "room",
            MapType::Cave => "cave",
        }
    }
}

/// What a patrol is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatrolReward {
    /// Threat that grew by time since the cell was last cleared.
    Growth,
    /// All threat removed. Can be exploited beside an old object.
    Threat,
}

/// When robots patrol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatrolMode {
    /// By action 3 only.
    OnAction,
    /// In every step; action 3 means "stay".
    EveryStep,
}

/// How far a patrol reaches, as Chebyshev distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatrolRadius {
    /// Two cells.
    Fixed,
    /// Three cells while the mean threat is below 0.2, else two.
    Dynamic,
}

/// Terms added to the standard reward.
#[derive(Clone, Debug, PartialEq)]
pub struct RewardConfig {
    /// Weights of the enhanced environment; `None` is the standard environment.
    pub enhanced: Option<EnhancedReward>,
    /// Subtracted per step: this times the mean threat, for the whole team before it is divided by its size.
    pub threat_penalty_weight: f64,
    /// Times the reward for an object's removal.
    pub object_weight: f64,
}

impl Default for RewardConfig {
    /// The standard reward.
    fn default() -> Self {
        Self { enhanced: None, threat_penalty_weight: 0.0, object_weight: 1.0 }
    }
}

/// Weights of the enhanced environment's terms, each at least 0.
#[derive(Clone, Debug, PartialEq)]
pub struct EnhancedReward {
    /// Times 20 × the increase of coverage.
    pub coverage_weight: f64,
    /// Times +5 for a first visit, 1/visits up to the third, else −0.5.
    pub exploration_weight: f64,
    /// Times +2, +1 or −1 for a share of distinct cells among a robot's last ten above 0.8, above 0.6, below 0.3.
    pub diversity_weight: f64,
}

impl Default for WorldConfig {
    /// One robot on 20×20 cells with a few single obstacles.
    fn default() -> Self {
        Self {
            width: 20,
            height: 20,
            num_robots: 1,
            map: MapConfig::default(),
            max_steps: None,
            patrol_reward: PatrolReward::Growth,
            patrol_mode: PatrolMode::OnAction,
            patrol_radius: PatrolRadius::Fixed,
            battery_drain_rate: 0.001,
            strategic_init: false,
            reward: RewardConfig::default(),
        }
    }
}

impl Default for MapConfig {
    fn default() -> Self {
        Self { map_type: MapType::Random, seed: None, count: None, initial_wall_probability: 0.45 }
    }
}

impl Default for EnhancedReward {
    fn default() -> Self {
        Self { coverage_weight: 1.0, exploration_weight: 1.0, diversity_weight: 1.0 }
    }
}

impl WorldConfig {
    /// Steps of an episode: `max_steps`, or max(1000, 4·W·H).
    pub fn episode_length(&self) -> u32 {
        self.max_steps.unwrap_or_else(|| (4 * self.width * self.height).max(1000) as u32)
    }

    /// Whether the team can keep every cell below full threat.
    pub fn keeps_up(&self) -> bool {
        self.width * self.height < CELLS_PER_ROBOT * self.num_robots
    }

    /// Whether no battery runs low within an episode, so that nobody has to charge.
    pub fn batteries_last(&self) -> bool {
        batteries_last(self.battery_drain_rate, self.episode_length())
    }

    /// Checks every field.
    ///
    /// # Errors
    /// Names every field that is out of range, not only the first.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut wrong = Vec::new();
        self.check_size(&mut wrong);
        self.check_map(&mut wrong);
        self.check_rates(&mut wrong);
        if wrong.is_empty() { Ok(()) } else { Err(ConfigError { fields: wrong }) }
    }

    fn check_size(&self, wrong: &mut Vec<FieldError>) {
        for (field, side) in [("width", self.width), ("height", self.height)] {
            check(wrong, SIDE_RANGE.contains(&side), field, || format!("{side} is not within 3 to 100"));
        }
        let robots = self.num_robots;
        check(wrong, (1..=MAX_ROBOTS).contains(&robots), "num_robots", || format!("{robots} is not within 1 to 10"));
        let interior = self.width.saturating_sub(2) * self.height.saturating_sub(2);
        check(wrong, robots <= interior, "num_robots", || {
            format!("{robots} charging stations do not fit into {interior} interior cells")
        });
        let steps = self.max_steps.unwrap_or(1);
        check(wrong, (1..=MAX_STEPS).contains(&steps), "max_steps", || {
            format!("{steps} is not within 1 to {MAX_STEPS}")
        });
    }

    fn check_map(&self, wrong: &mut Vec<FieldError>) {
        let map = &self.map;
        let small = map.map_type == MapType::Maze && (self.width < 5 || self.height < 5);
        check(wrong, !small, "map.map_type", || "a maze needs at least 5 by 5 cells".to_owned());
        let count = map.count.unwrap_or(0);
        let room = self.width * self.height / 2;
        check(wrong, count <= room, "map.count", || format!("{count} obstacles exceed half of the grid, {room}"));
        let walls = map.initial_wall_probability;
        check(wrong, (0.0..=1.0).contains(&walls), "map.initial_wall_probability", || {
            format!("{walls} is not within 0 to 1")
        });
    }

    fn check_rates(&self, wrong: &mut Vec<FieldError>) {
        let drain = self.battery_drain_rate;
        check(wrong, (0.0..=100.0).contains(&drain), "battery_drain_rate", || {
            format!("{drain} is not within 0 to 100")
        });
        let mut weights = vec![
            ("reward.threat_penalty_weight", self.reward.threat_penalty_weight),
            ("reward.object_weight", self.reward.object_weight),
        ];
        if let Some(enhanced) = &self.reward.enhanced {
            weights.push(("reward.coverage_weight", enhanced.coverage_weight));
            weights.push(("reward.exploration_weight", enhanced.exploration_weight));
            weights.push(("reward.diversity_weight", enhanced.diversity_weight));
        }
        for (field, weight) in weights {
            check(wrong, (0.0..=1000.0).contains(&weight), field, || format!("{weight} is not within 0 to 1000"));
        }
    }
}

fn check(wrong: &mut Vec<FieldError>, good: bool, field: &'static str, message: impl FnOnce() -> String) {
    if !good {
        wrong.push(FieldError { field, message: message() });
    }
}
