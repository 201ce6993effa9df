//! The world at one step, as the dashboard plays it.

use chrono::{DateTime, Utc};
use environment::{Action, Cell, Map, StepRecord, World};
use schemars::JsonSchema;
use serde::Serialize;
use trajectories::RecordedSteps;

/// Ids of frames are `episode * STEPS + step`: stable, ordered, and exact in JSON for 2^36 episodes.
const STEPS: u64 = 1 << 17;

/// The world after a step. Grids are by row, then column.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Frame {
    id: u64,
    session_id: i64,
    episode: u64,
    /// Step of the episode, from 0.
    step: u32,
    /// Of the first robot, like every other field outside `robots`.
    robot_x: u8,
    robot_y: u8,
    /// 0 north, 1 east, 2 south, 3 west.
    robot_orientation: u8,
    robots: Vec<RobotFrame>,
    charging_stations: Vec<Point>,
    threat_grid: ThreatGrid,
    coverage_map: CoverageMap,
    obstacles: ObstacleGrid,
    suspicious_objects: Vec<ObjectFrame>,
    action_taken: Option<u8>,
    reward_received: Option<f64>,
    /// Share of the free cells cleared so far, 0..1.
    coverage_ratio: f64,
    /// Share of the free cells visited so far, 0..1.
    exploration_score: f64,
    battery_percentage: f64,
    is_charging: bool,
    /// Cells, Manhattan.
    distance_to_charging_station: u32,
    charging_station_position_x: u8,
    charging_station_position_y: u8,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RobotFrame {
    id: usize,
    x: u8,
    y: u8,
    orientation: u8,
    battery_percentage: f64,
    is_charging: bool,
    /// 0 forward, 1 turn left, 2 turn right, 3 patrol.
    action_taken: Option<u8>,
}

#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
struct Point {
    x: u8,
    y: u8,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ThreatGrid {
    /// 0..1; 0 for obstacles.
    levels: Vec<Vec<f64>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CoverageMap {
    /// 1 for a cell that was cleared in this episode.
    levels: Vec<Vec<u8>>,
    /// How often robots entered it.
    counts: Vec<Vec<u32>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ObstacleGrid {
    levels: Vec<Vec<bool>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ObjectFrame {
    x: u8,
    y: u8,
    spawn_time: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    threat_level: f64,
}

/// What all frames of an episode have in common.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub session_id: i64,
    pub episode: u64,
    pub recorded_at: DateTime<Utc>,
}

impl Frame {
    /// The world as it is after `actions`.
    pub fn of_world(setting: Setting, step: u32, world: &World, actions: &[Action], outcome: &StepRecord) -> Self {
        let map = world.map();
        let robots: Vec<RobotFrame> = world
            .robots()
            .iter()
            .enumerate()
            .map(|(id, robot)| RobotFrame {
                id,
                x: robot.cell.x,
                y: robot.cell.y,
                orientation: robot.heading as u8,
                battery_percentage: robot.battery,
                is_charging: robot.charging,
                action_taken: actions.get(id).map(|action| *action as u8),
            })
            .collect();
        let threat = |cell: Cell| f64::from(world.threat(cell)) / 100.0;
        let (cleared, visits) = (world.last_cleared(), world.visits());
        let visited = visits.iter().filter(|count| **count > 0).count();
        let mut frame = Self::on(setting, step, map, robots);
        frame.threat_grid.levels = grid(map, |cell, _| threat(cell));
        frame.coverage_map.levels = grid(map, |_, index| u8::from(cleared[index] > 0));
        frame.coverage_map.counts = grid(map, |_, index| visits[index]);
        frame.suspicious_objects = world
            .objects()
            .iter()
            .map(|object| ObjectFrame {
                x: object.cell.x,
                y: object.cell.y,
                spawn_time: object.spawned_at,
                kind: "suspicious_object",
                threat_level: threat(object.cell),
            })
            .collect();
        frame.reward_received = Some(outcome.reward);
        frame.coverage_ratio = world.coverage();
        frame.exploration_score = visited as f64 / map.free_cells().max(1) as f64;
        frame
    }

    /// What an external robot recorded at a step: the simulator knows nothing of its world's threat.
    ///
    /// `rows` are those of the step, one per robot; `visits` counts the rows so far by cell.
    pub fn of_record(
        setting: Setting,
        step: u32,
        map: &Map,
        recorded: &RecordedSteps,
        rows: std::ops::Range<usize>,
        visits: &[u32],
    ) -> Self {
        let byte = |column: &Option<Vec<u8>>, row: usize| column.as_ref().map_or(0, |values| values[row]);
        let reward = recorded.reward.as_ref().and_then(|values| values.get(rows.start));
        let reward = reward.map(|reward| f64::from(*reward));
        let robots = rows
            .map(|row| RobotFrame {
                id: recorded.robot[row].into(),
                x: byte(&recorded.x, row),
                y: byte(&recorded.y, row),
                orientation: byte(&recorded.heading, row),
                battery_percentage: recorded.battery.as_ref().map_or(100.0, |values| values[row].into()),
                is_charging: false,
                action_taken: Some(recorded.action[row]),
            })
            .collect();
        let visited = visits.iter().filter(|count| **count > 0).count() as f64 / map.free_cells().max(1) as f64;
        let mut frame = Self::on(setting, step, map, robots);
        frame.threat_grid.levels = grid(map, |_, _| 0.0);
        frame.coverage_map.levels = grid(map, |_, index| u8::from(visits[index] > 0));
        frame.coverage_map.counts = grid(map, |_, index| visits[index]);
        frame.reward_received = reward;
        (frame.coverage_ratio, frame.exploration_score) = (visited, visited);
        frame
    }

    /// A frame with robots on a map, and nothing else yet.
    fn on(setting: Setting, step: u32, map: &Map, robots: Vec<RobotFrame>) -> Self {
        let Setting { session_id, episode, recorded_at } = setting;
        let first = robots.first();
        let (x, y) = first.map_or((0, 0), |robot| (robot.x, robot.y));
        let distance = |station: &Cell| u32::from(station.x.abs_diff(x)) + u32::from(station.y.abs_diff(y));
        let nearest = map.stations().iter().copied().min_by_key(distance);
        let nearest = nearest.unwrap_or(Cell { x, y });
        Self {
            id: episode.wrapping_mul(STEPS).wrapping_add(step.into()),
            session_id,
            episode,
            step,
            robot_x: x,
            robot_y: y,
            robot_orientation: first.map_or(0, |robot| robot.orientation),
            battery_percentage: first.map_or(0.0, |robot| robot.battery_percentage),
            is_charging: first.is_some_and(|robot| robot.is_charging),
            action_taken: first.and_then(|robot| robot.action_taken),
            robots,
            charging_stations: map.stations().iter().map(|cell| Point { x: cell.x, y: cell.y }).collect(),
            threat_grid: ThreatGrid { levels: Vec::new() },
            coverage_map: CoverageMap { levels: Vec::new(), counts: Vec::new() },
            obstacles: ObstacleGrid { levels: grid(map, |_, index| map.obstacles()[index]) },
            suspicious_objects: Vec::new(),
            reward_received: None,
            coverage_ratio: 0.0,
            exploration_score: 0.0,
            distance_to_charging_station: distance(&nearest),
            charging_station_position_x: nearest.x,
            charging_station_position_y: nearest.y,
            created_at: recorded_at,
            updated_at: recorded_at,
        }
    }
}

/// Rows of values by cell and by index `y * width + x`.
pub fn grid<T>(map: &Map, value: impl Fn(Cell, usize) -> T) -> Vec<Vec<T>> {
    let row =
        |y: usize| (0..map.width()).map(|x| value(Cell { x: x as u8, y: y as u8 }, y * map.width() + x)).collect();
    (0..map.height()).map(row).collect()
}
