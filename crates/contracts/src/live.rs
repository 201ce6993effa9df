//! Frames for the live map: sampled, not stored, on `patrol.live.<run_id>`.

use crate::ids::RunId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A world at one moment. Grids are by row, then column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveFrame {
    pub run_id: RunId,
    pub episode: u64,
    pub step: u32,
    pub robots: Vec<LiveRobot>,
    pub grid_width: u32,
    pub grid_height: u32,
    /// Threat, 0..1; 0 for obstacles.
    pub threat_grid: Vec<Vec<f64>>,
    /// 1 for a cell that was cleared in this episode, else 0.
    pub coverage_map: Vec<Vec<u8>>,
    pub obstacles: Vec<Vec<bool>>,
    pub suspicious_objects: Vec<LiveObject>,
    pub charging_stations: Vec<Position>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveRobot {
    pub id: u32,
    pub x: u32,
    pub y: u32,
    /// 0 north, 1 east, 2 south, 3 west.
    pub orientation: u8,
    pub battery_percentage: f64,
    pub is_charging: bool,
    /// 0 forward, 1 turn left, 2 turn right, 3 patrol; absent before the first step.
    #[serde(default)]
    pub action_taken: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveObject {
    pub x: u32,
    pub y: u32,
    /// Step of the episode at which it appeared.
    pub spawn_time: u32,
    /// Threat of its cell, 0..1.
    pub threat_level: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    pub x: u32,
    pub y: u32,
}
