//! The parts of a frame, as they are written and as the document describes them.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

/// The world after a step. Grids are by row, then column.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes what FrameWriter writes")]
pub struct Frame {
    #[serde(flatten)]
    pub head: Head,
    pub threat_grid: ThreatGrid,
    pub coverage_map: CoverageMap,
    #[serde(flatten)]
    pub tail: Tail,
}

/// What is the same in all frames of an episode, written once.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes what FrameWriter writes")]
pub struct Tail {
    pub obstacles: ObstacleGrid,
    pub charging_stations: Vec<Point>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What changes from frame to frame, besides the grids.
#[derive(Serialize, JsonSchema)]
pub struct Head {
    /// Unique within the session and split, and exact as a double.
    pub id: u64,
    pub session_id: i64,
    pub episode: u64,
    /// Step of the episode, from 0.
    pub step: u32,
    /// Of the first robot, like every other field outside `robots`.
    pub robot_x: u8,
    pub robot_y: u8,
    /// 0 north, 1 east, 2 south, 3 west.
    pub robot_orientation: u8,
    pub robots: Vec<RobotFrame>,
    pub suspicious_objects: Vec<ObjectFrame>,
    pub action_taken: Option<u8>,
    pub reward_received: Option<f64>,
    /// Share of the free cells cleared so far, 0..1.
    pub coverage_ratio: f64,
    /// Share of the free cells visited so far, 0..1.
    pub exploration_score: f64,
    pub battery_percentage: f64,
    pub is_charging: bool,
    /// Cells, Manhattan; 0 where no station is known.
    pub distance_to_charging_station: u32,
    pub charging_station_position_x: u8,
    pub charging_station_position_y: u8,
}

#[derive(Serialize, JsonSchema)]
pub struct RobotFrame {
    pub id: usize,
    pub x: u8,
    pub y: u8,
    pub orientation: u8,
    pub battery_percentage: f64,
    pub is_charging: bool,
    /// 0 forward, 1 turn left, 2 turn right, 3 patrol.
    pub action_taken: Option<u8>,
}

#[derive(Clone, Copy, Serialize, JsonSchema)]
pub struct Point {
    pub x: u8,
    pub y: u8,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes what FrameWriter writes")]
pub struct ThreatGrid {
    /// 0..1; 0 for obstacles.
    pub levels: Vec<Vec<f64>>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes what FrameWriter writes")]
pub struct CoverageMap {
    /// 1 for a cell that was cleared in this episode.
    pub levels: Vec<Vec<u8>>,
    /// How often robots entered it.
    pub counts: Vec<Vec<u32>>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes what FrameWriter writes")]
pub struct ObstacleGrid {
    pub levels: Vec<Vec<bool>>,
}

#[derive(Serialize, JsonSchema)]
pub struct ObjectFrame {
    pub x: u8,
    pub y: u8,
    pub spawn_time: u32,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub threat_level: f64,
}
