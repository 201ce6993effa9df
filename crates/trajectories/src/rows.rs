//! Rows of the small tables. A few per segment, so they are built row by row.

use crate::error::{Result, arrow};
use crate::schema::schema;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, StringArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow::record_batch::RecordBatch;
use contracts::events::Table;
use std::sync::Arc;

/// A row of `episodes`; the columns are described in [`crate::schema`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpisodeRow<'a> {
    pub episode_index: u64,
    pub agent: &'a str,
    pub checkpoint_id: Option<&'a str>,
    pub seed: Option<u64>,
    pub env_index: Option<u32>,
    pub env_episode: Option<u32>,
    pub map_type: Option<&'a str>,
    pub map_seed: Option<u64>,
    pub map_hash: Option<u64>,
    pub width: u8,
    pub height: u8,
    pub num_robots: u8,
    pub max_steps: Option<u32>,
    pub length: u32,
    pub terminated: bool,
    pub truncated: bool,
    pub episode_return: Option<f64>,
    pub mean_threat: Option<f64>,
    pub final_threat: Option<f64>,
    pub average_idleness: Option<f64>,
    pub worst_idleness: Option<f64>,
    pub coverage: Option<f64>,
    pub steps_to_full_coverage: Option<u32>,
    pub interferences: Option<u32>,
    pub objects_spawned: Option<u32>,
    pub objects_removed: Option<u32>,
    pub response_p50: Option<f64>,
    pub response_p95: Option<f64>,
    pub first_state_hash: Option<u64>,
    pub last_state_hash: Option<u64>,
    pub rules_version: Option<u16>,
    /// Battery points per step away from a station.
    pub battery_drain_rate: Option<f64>,
    /// A JSON object.
    pub world: Option<&'a str>,
    /// x and y of each robot's first cell, one byte each.
    pub starts: Option<&'a [u8]>,
}

/// A row of `maps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapRow<'a> {
    pub map_hash: u64,
    pub width: u8,
    pub height: u8,
    /// Bit `y * width + x`, least significant first, is set for an obstacle; `ceil(width * height / 8)` bytes.
    pub obstacles: &'a [u8],
    /// x and y of each charging station, one byte each.
    pub stations: &'a [u8],
}

/// A row of `world_events`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WorldEventRow<'a> {
    pub episode_index: u64,
    pub step: u32,
    pub kind: &'a str,
    pub robot: Option<u8>,
    pub x: u8,
    pub y: u8,
    pub value: Option<f32>,
}

/// Packs obstacle flags in row-major order as [`MapRow::obstacles`].
pub fn pack_bitmap(obstacles: impl IntoIterator<Item = bool>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (cell, obstacle) in obstacles.into_iter().enumerate() {
        if cell % 8 == 0 {
            bytes.push(0);
        }
        bytes[cell / 8] |= u8::from(obstacle) << (cell % 8);
    }
    bytes
}

/// One column: an Arrow array of one field of every row.
macro_rules! column {
    ($rows:expr, $array:ty, $field:ident) => {
        Arc::new($rows.iter().map(|row| Some(row.$field)).collect::<$array>()) as ArrayRef
    };
    ($rows:expr, $array:ty, $field:ident?) => {
        Arc::new($rows.iter().map(|row| row.$field).collect::<$array>()) as ArrayRef
    };
}

impl EpisodeRow<'_> {
    /// The rows as a batch of table `episodes`.
    pub fn batch(rows: &[Self]) -> Result<RecordBatch> {
        let columns = vec![
            column!(rows, UInt64Array, episode_index),
            column!(rows, StringArray, agent),
            column!(rows, StringArray, checkpoint_id?),
            column!(rows, UInt64Array, seed?),
            column!(rows, UInt32Array, env_index?),
            column!(rows, UInt32Array, env_episode?),
            column!(rows, StringArray, map_type?),
            column!(rows, UInt64Array, map_seed?),
            column!(rows, UInt64Array, map_hash?),
            column!(rows, UInt8Array, width),
            column!(rows, UInt8Array, height),
            column!(rows, UInt8Array, num_robots),
            column!(rows, UInt32Array, max_steps?),
            column!(rows, UInt32Array, length),
            column!(rows, BooleanArray, terminated),
            column!(rows, BooleanArray, truncated),
            column!(rows, Float64Array, episode_return?),
            column!(rows, Float64Array, mean_threat?),
            column!(rows, Float64Array, final_threat?),
            column!(rows, Float64Array, average_idleness?),
            column!(rows, Float64Array, worst_idleness?),
            column!(rows, Float64Array, coverage?),
            column!(rows, UInt32Array, steps_to_full_coverage?),
            column!(rows, UInt32Array, interferences?),
            column!(rows, UInt32Array, objects_spawned?),
            column!(rows, UInt32Array, objects_removed?),
            column!(rows, Float64Array, response_p50?),
            column!(rows, Float64Array, response_p95?),
            column!(rows, UInt64Array, first_state_hash?),
            column!(rows, UInt64Array, last_state_hash?),
            column!(rows, UInt16Array, rules_version?),
            column!(rows, Float64Array, battery_drain_rate?),
            column!(rows, StringArray, world?),
            column!(rows, BinaryArray, starts?),
        ];
        RecordBatch::try_new(schema(Table::Episodes), columns).map_err(arrow("build episodes"))
    }
}

impl MapRow<'_> {
    /// The rows as a batch of table `maps`.
    pub fn batch(rows: &[Self]) -> Result<RecordBatch> {
        let columns = vec![
            column!(rows, UInt64Array, map_hash),
            column!(rows, UInt8Array, width),
            column!(rows, UInt8Array, height),
            column!(rows, BinaryArray, obstacles),
            column!(rows, BinaryArray, stations),
        ];
        RecordBatch::try_new(schema(Table::Maps), columns).map_err(arrow("build maps"))
    }
}

impl WorldEventRow<'_> {
    /// The rows as a batch of table `world_events`.
    pub fn batch(rows: &[Self]) -> Result<RecordBatch> {
        let columns = vec![
            column!(rows, UInt64Array, episode_index),
            column!(rows, UInt32Array, step),
            column!(rows, StringArray, kind),
            column!(rows, UInt8Array, robot?),
            column!(rows, UInt8Array, x),
            column!(rows, UInt8Array, y),
            column!(rows, Float32Array, value?),
        ];
        RecordBatch::try_new(schema(Table::WorldEvents), columns).map_err(arrow("build world events"))
    }
}
