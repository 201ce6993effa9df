//! What the columns of a segment may say.

use crate::error::{Error, Result};
use crate::schema;
use arrow::array::{Array, ArrowPrimitiveType, BinaryArray, PrimitiveArray, StringArray};
use arrow::datatypes::{Float32Type, Float64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use contracts::events::Table;
use std::collections::HashSet;

/// The limits that a run's world sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// Cells in x.
    pub width: u8,
    /// Cells in y.
    pub height: u8,
    pub num_robots: u8,
    /// Longest episode, steps.
    pub max_steps: u32,
}

/// Consecutive rows of one episode; `first` and `last` are their (step, robot).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpisodeRun {
    pub episode: u64,
    /// Row where it begins.
    pub start: usize,
    /// Rows.
    pub length: usize,
    pub first: (u32, u8),
    pub last: (u32, u8),
}

/// Largest number of an episode: events and HTTP answers tell it as a JSON number, which is exact up to here.
const MAX_EPISODE: u64 = (1 << 53) - 1;
/// Longest name of an agent, a map type or a checkpoint, bytes.
const MAX_NAME: usize = 128;
/// Longest description of a world, bytes.
const MAX_WORLD: usize = 4096;
const KINDS: [&str; 6] =
    ["object_spawned", "object_removed", "blocked_by_robot", "charging_started", "charging_ended", "battery_empty"];

/// Checks every row of a batch in its table's schema.
///
/// # Errors
/// `Invalid` that names the column and the first row that is wrong.
pub fn check(table: Table, batch: &RecordBatch, world: &World) -> Result<()> {
    let columns = Columns { table, batch };
    match table {
        Table::Steps => check_steps(&columns, world),
        Table::Episodes => check_episodes(&columns, world),
        Table::Maps => check_maps(&columns),
        Table::WorldEvents => check_world_events(&columns, world),
    }
}

/// The runs of consecutive rows of one episode in a batch of `steps`.
pub fn episode_runs(batch: &RecordBatch) -> Result<Vec<EpisodeRun>> {
    let columns = Columns { table: Table::Steps, batch };
    let episodes = columns.numbers::<UInt64Type>("episode_index")?.values();
    let steps = columns.numbers::<UInt32Type>("step")?.values();
    let robots = columns.numbers::<UInt8Type>("robot")?.values();
    let mut runs = Vec::new();
    let mut start = 0;
    for rows in episodes.chunk_by(|a, b| a == b) {
        let last = start + rows.len() - 1;
        runs.push(EpisodeRun {
            episode: rows[0],
            start,
            length: rows.len(),
            first: (steps[start], robots[start]),
            last: (steps[last], robots[last]),
        });
        start += rows.len();
    }
    Ok(runs)
}

fn check_steps(columns: &Columns<'_>, world: &World) -> Result<()> {
    columns.at_most::<UInt64Type>("episode_index", MAX_EPISODE)?;
    columns.at_most::<UInt32Type>("step", world.max_steps.saturating_sub(1))?;
    columns.at_most::<UInt8Type>("robot", world.num_robots.saturating_sub(1))?;
    columns.at_most::<UInt8Type>("x", world.width.saturating_sub(1))?;
    columns.at_most::<UInt8Type>("y", world.height.saturating_sub(1))?;
    for name in ["heading", "action"] {
        columns.at_most::<UInt8Type>(name, 3)?;
    }
    columns.at_most::<UInt8Type>("action_mask", 0b1111)?;
    columns.at_most::<UInt16Type>("cells_cleared", u16::from(world.width) * u16::from(world.height))?;
    columns.within::<Float32Type>("battery", |v| (0.0..=100.0).contains(&v), "0 to 100")?;
    columns.within::<Float32Type>("team_mean_threat", |v| (0.0..=1.0).contains(&v), "0 to 1")?;
    for name in ["log_prob", "value", "reward", "threat_removed"] {
        columns.within::<Float32Type>(name, f32::is_finite, "a finite number")?;
    }
    check_order(columns)
}

fn check_order(columns: &Columns<'_>) -> Result<()> {
    let steps = columns.numbers::<UInt32Type>("step")?.values();
    let robots = columns.numbers::<UInt8Type>("robot")?.values();
    let mut seen = HashSet::new();
    for run in episode_runs(columns.batch)? {
        if !seen.insert(run.episode) {
            return Err(Error::invalid(format!("the rows of episode {} are not contiguous", run.episode)));
        }
        let rows = run.start..run.start + run.length;
        let (steps, robots) = (&steps[rows.clone()], &robots[rows]);
        let later = |row: usize| (steps[row - 1], robots[row - 1]) < (steps[row], robots[row]);
        if let Some(row) = (1..run.length).find(|row| !later(*row)) {
            let (episode, step) = (run.episode, steps[row]);
            return Err(Error::invalid(format!("`step` must grow within episode {episode}; it goes back to {step}")));
        }
    }
    Ok(())
}

fn check_episodes(columns: &Columns<'_>, world: &World) -> Result<()> {
    columns.at_most::<UInt64Type>("episode_index", MAX_EPISODE)?;
    columns.at_most::<UInt8Type>("width", world.width)?;
    columns.at_most::<UInt8Type>("height", world.height)?;
    columns.at_most::<UInt8Type>("num_robots", world.num_robots)?;
    columns.at_most::<UInt32Type>("length", world.max_steps)?;
    for name in ["agent", "checkpoint_id", "map_type"] {
        columns.names(name, |name| name.len() <= MAX_NAME, "at most 128 bytes")?;
    }
    for name in ["mean_threat", "final_threat", "coverage"] {
        columns.within::<Float64Type>(name, |v| (0.0..=1.0).contains(&v), "0 to 1")?;
    }
    for name in ["return", "average_idleness", "worst_idleness", "response_p50", "response_p95", "battery_drain_rate"] {
        columns.within::<Float64Type>(name, f64::is_finite, "a finite number")?;
    }
    columns.names("world", is_settings, "a JSON object of at most 4096 bytes")?;
    check_starts(columns)?;
    let mut seen = HashSet::new();
    match columns.numbers::<UInt64Type>("episode_index")?.values().iter().find(|episode| !seen.insert(**episode)) {
        Some(episode) => Err(Error::invalid(format!("episode {episode} is there twice"))),
        None => Ok(()),
    }
}

fn is_settings(text: &str) -> bool {
    let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>;
    text.len() <= MAX_WORLD && object(text).is_ok()
}

fn check_starts(columns: &Columns<'_>) -> Result<()> {
    let widths = columns.numbers::<UInt8Type>("width")?.values();
    let heights = columns.numbers::<UInt8Type>("height")?.values();
    let robots = columns.numbers::<UInt8Type>("num_robots")?.values();
    let wrong = columns.array::<BinaryArray>("starts")?.iter().enumerate().find(|(row, starts)| {
        let inside = |place: &[u8]| place[0] < widths[*row] && place[1] < heights[*row];
        starts
            .is_some_and(|starts| starts.len() != 2 * usize::from(robots[*row]) || !starts.chunks_exact(2).all(inside))
    });
    let refusal = |row| format!("table `episodes`, row {row}: `starts` is not a cell of the world for each robot");
    wrong.map_or(Ok(()), |(row, _)| Err(Error::invalid(refusal(row))))
}

fn check_maps(columns: &Columns<'_>) -> Result<()> {
    let widths = columns.numbers::<UInt8Type>("width")?.values();
    let heights = columns.numbers::<UInt8Type>("height")?.values();
    let obstacles = columns.array::<BinaryArray>("obstacles")?;
    let stations = columns.array::<BinaryArray>("stations")?;
    for row in 0..columns.batch.num_rows() {
        let cells = usize::from(widths[row]) * usize::from(heights[row]);
        let inside = |place: &[u8]| place.len() == 2 && place[0] < widths[row] && place[1] < heights[row];
        if obstacles.value(row).len() != cells.div_ceil(8) || !stations.value(row).chunks(2).all(inside) {
            return Err(Error::invalid(format!("table `maps`: row {row} does not describe a map of its size")));
        }
    }
    Ok(())
}

fn check_world_events(columns: &Columns<'_>, world: &World) -> Result<()> {
    columns.at_most::<UInt64Type>("episode_index", MAX_EPISODE)?;
    columns.at_most::<UInt32Type>("step", world.max_steps.saturating_sub(1))?;
    columns.at_most::<UInt8Type>("robot", world.num_robots.saturating_sub(1))?;
    columns.at_most::<UInt8Type>("x", world.width.saturating_sub(1))?;
    columns.at_most::<UInt8Type>("y", world.height.saturating_sub(1))?;
    columns.names("kind", |kind| KINDS.contains(&kind), "a kind of world event")?;
    columns.within::<Float32Type>("value", f32::is_finite, "a finite number")
}

/// Typed access to a batch, with errors that name the column.
struct Columns<'a> {
    table: Table,
    batch: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    fn array<A: Array + 'static>(&self, name: &str) -> Result<&'a A> {
        let column = schema::position(self.table, name).and_then(|at| self.batch.columns().get(at));
        column
            .and_then(|column| column.as_any().downcast_ref())
            .ok_or_else(|| Error::invalid(format!("table `{}` has no column `{name}` of its type", self.table.token())))
    }

    fn numbers<P: ArrowPrimitiveType>(&self, name: &str) -> Result<&'a PrimitiveArray<P>> {
        self.array::<PrimitiveArray<P>>(name)
    }

    fn at_most<P: ArrowPrimitiveType>(&self, name: &str, limit: P::Native) -> Result<()>
    where
        P::Native: PartialOrd + std::fmt::Display,
    {
        self.within::<P>(name, |value| value <= limit, &format!("at most {limit}"))
    }

    fn within<P: ArrowPrimitiveType>(&self, name: &str, good: impl Fn(P::Native) -> bool, rule: &str) -> Result<()>
    where
        P::Native: std::fmt::Display,
    {
        let column = self.numbers::<P>(name)?;
        let wrong = match column.null_count() {
            // No branch in the loop: this is the path of every row of a full recording.
            0 if column.values().iter().fold(true, |all, value| all & good(*value)) => return Ok(()),
            _ => column.iter().position(|value| value.is_some_and(|value| !good(value))),
        };
        wrong.map_or(Ok(()), |row| Err(self.refusal(name, row, &column.value(row).to_string(), rule)))
    }

    fn names(&self, name: &str, good: impl Fn(&str) -> bool, rule: &str) -> Result<()> {
        let column = self.array::<StringArray>(name)?;
        let wrong = column.iter().position(|value| value.is_some_and(|value| !good(value)));
        wrong.map_or(Ok(()), |row| Err(self.refusal(name, row, column.value(row), rule)))
    }

    fn refusal(&self, name: &str, row: usize, value: &str, rule: &str) -> Error {
        let value: String = value.chars().take(60).collect();
        Error::invalid(format!("table `{}`, row {row}: `{name}` is {value}, not {rule}", self.table.token()))
    }
}
