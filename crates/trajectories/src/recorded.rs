//! Rows of the archive as plain columns, for those who do not speak Arrow.

use crate::error::{Error, Result};
use crate::schema;
use arrow::array::{Array, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{Float32Type, UInt8Type, UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use contracts::events::Table;

/// How much of recorded steps is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What a simulation needs: actions, and the hashes that it must meet.
    Actions,
    /// What robots reported as well: positions, headings, batteries, rewards.
    Reports,
}

impl Detail {
    /// The columns to read.
    pub(crate) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Actions => &["step", "robot", "action", "state_hash"],
            Self::Reports => &["step", "robot", "x", "y", "heading", "action", "reward", "battery"],
        }
    }
}

/// Robot-steps of one episode in the order (step, robot); optional columns are absent unless every row has a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedSteps {
    pub step: Vec<u32>,
    pub robot: Vec<u8>,
    /// Before the action, like heading and battery.
    pub x: Option<Vec<u8>>,
    pub y: Option<Vec<u8>>,
    pub heading: Option<Vec<u8>>,
    pub action: Vec<u8>,
    pub reward: Option<Vec<f32>>,
    /// Per cent.
    pub battery: Option<Vec<f32>>,
    /// Of the world after the step.
    pub state_hash: Option<Vec<u64>>,
}

/// What names a recorded episode and its world; the columns are described in [`crate::schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedEpisode {
    pub episode_index: u64,
    pub seed: Option<u64>,
    pub env_index: Option<u32>,
    pub env_episode: Option<u32>,
    pub map_hash: Option<u64>,
    pub width: u8,
    pub height: u8,
    pub num_robots: u8,
    pub length: u32,
}

/// A recorded map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedMap {
    pub map_hash: u64,
    pub width: u8,
    pub height: u8,
    /// Bit `y * width + x`, least significant first, is set for an obstacle.
    pub obstacles: Vec<u8>,
    /// x and y of each charging station.
    pub stations: Vec<[u8; 2]>,
}

impl RecordedSteps {
    /// # Errors
    /// `Invalid` when `rows` is not a batch of table `steps`.
    pub fn of(rows: &RecordBatch) -> Result<Self> {
        let columns = Columns { table: Table::Steps, rows };
        Ok(Self {
            step: columns.required::<UInt32Type>("step")?,
            robot: columns.required::<UInt8Type>("robot")?,
            x: columns.complete::<UInt8Type>("x")?,
            y: columns.complete::<UInt8Type>("y")?,
            heading: columns.complete::<UInt8Type>("heading")?,
            action: columns.required::<UInt8Type>("action")?,
            reward: columns.complete::<Float32Type>("reward")?,
            battery: columns.complete::<Float32Type>("battery")?,
            state_hash: columns.complete::<UInt64Type>("state_hash")?,
        })
    }

    /// Adds the rows of a batch that has the columns of `detail`, by their names. A column in which this batch has nulls is
    /// dropped as a whole.
    pub(crate) fn append(&mut self, batch: &RecordBatch, detail: Detail) -> Result<()> {
        let rows = Named(batch);
        let known = self.len();
        self.step.extend(rows.required::<UInt32Type>("step")?);
        self.robot.extend(rows.required::<UInt8Type>("robot")?);
        self.action.extend(rows.required::<UInt8Type>("action")?);
        if detail == Detail::Actions {
            return rows.extend::<UInt64Type>(&mut self.state_hash, known, "state_hash");
        }
        rows.extend::<UInt8Type>(&mut self.x, known, "x")?;
        rows.extend::<UInt8Type>(&mut self.y, known, "y")?;
        rows.extend::<UInt8Type>(&mut self.heading, known, "heading")?;
        rows.extend::<Float32Type>(&mut self.reward, known, "reward")?;
        rows.extend::<Float32Type>(&mut self.battery, known, "battery")
    }

    /// Number of robot-steps.
    pub fn len(&self) -> usize {
        self.step.len()
    }

    pub fn is_empty(&self) -> bool {
        self.step.is_empty()
    }
}

impl RecordedEpisode {
    /// Every episode of a batch of table `episodes`.
    ///
    /// # Errors
    /// `Invalid` when `rows` is another table's.
    pub fn all_of(rows: &RecordBatch) -> Result<Vec<Self>> {
        let columns = Columns { table: Table::Episodes, rows };
        let index = columns.required::<UInt64Type>("episode_index")?;
        let seed = columns.optional::<UInt64Type>("seed")?;
        let env_index = columns.optional::<UInt32Type>("env_index")?;
        let env_episode = columns.optional::<UInt32Type>("env_episode")?;
        let map_hash = columns.optional::<UInt64Type>("map_hash")?;
        let width = columns.required::<UInt8Type>("width")?;
        let height = columns.required::<UInt8Type>("height")?;
        let num_robots = columns.required::<UInt8Type>("num_robots")?;
        let length = columns.required::<UInt32Type>("length")?;
        let episode = |row: usize| Self {
            episode_index: index[row],
            seed: seed[row],
            env_index: env_index[row],
            env_episode: env_episode[row],
            map_hash: map_hash[row],
            width: width[row],
            height: height[row],
            num_robots: num_robots[row],
            length: length[row],
        };
        Ok((0..rows.num_rows()).map(episode).collect())
    }
}

impl RecordedMap {
    /// Every map of a batch of table `maps`.
    ///
    /// # Errors
    /// `Invalid` when `rows` is another table's.
    pub fn all_of(rows: &RecordBatch) -> Result<Vec<Self>> {
        let columns = Columns { table: Table::Maps, rows };
        let hash = columns.required::<UInt64Type>("map_hash")?;
        let width = columns.required::<UInt8Type>("width")?;
        let height = columns.required::<UInt8Type>("height")?;
        let obstacles =
            columns.column("obstacles")?.as_binary_opt::<i32>().ok_or_else(|| columns.wrong("obstacles"))?;
        let stations = columns.column("stations")?.as_binary_opt::<i32>().ok_or_else(|| columns.wrong("stations"))?;
        let map = |row: usize| Self {
            map_hash: hash[row],
            width: width[row],
            height: height[row],
            obstacles: obstacles.value(row).to_vec(),
            stations: stations.value(row).chunks_exact(2).map(|cell| [cell[0], cell[1]]).collect(),
        };
        Ok((0..rows.num_rows()).map(map).collect())
    }
}

/// Columns found by name: a projection of a table.
struct Named<'a>(&'a RecordBatch);

impl Named<'_> {
    fn column<T: ArrowPrimitiveType>(&self, name: &str) -> Result<&PrimitiveArray<T>> {
        let column = self.0.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
        column.ok_or_else(|| Error::invalid(format!("the rows have no column `{name}`")))
    }

    fn required<T: ArrowPrimitiveType>(&self, name: &str) -> Result<&[T::Native]> {
        let column = self.column::<T>(name)?;
        match column.null_count() {
            0 => Ok(column.values()),
            _ => Err(Error::invalid(format!("column `{name}` has nulls"))),
        }
    }

    /// Continues `values`, which has `known` of them, unless a value is missing there or here. A file that was written
    /// before the column existed misses all of them.
    fn extend<T: ArrowPrimitiveType>(
        &self,
        values: &mut Option<Vec<T::Native>>,
        known: usize,
        name: &str,
    ) -> Result<()> {
        let column = match self.0.column_by_name(name) {
            Some(_) => Some(self.column::<T>(name)?).filter(|column| column.null_count() == 0),
            None => None,
        };
        let continued = values.take().or_else(|| (known == 0).then(Vec::new));
        *values = continued.zip(column).map(|(mut values, column)| {
            values.extend_from_slice(column.values());
            values
        });
        Ok(())
    }
}

struct Columns<'a> {
    table: Table,
    rows: &'a RecordBatch,
}

impl Columns<'_> {
    fn column(&self, name: &str) -> Result<&dyn Array> {
        let position = schema::position(self.table, name).filter(|position| *position < self.rows.num_columns());
        position.map(|position| self.rows.column(position).as_ref()).ok_or_else(|| self.wrong(name))
    }

    /// The values of a column without nulls.
    fn required<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Vec<T::Native>> {
        self.complete::<T>(name)?.ok_or_else(|| self.wrong(name))
    }

    /// The values of a column if none is null.
    fn complete<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Option<Vec<T::Native>>> {
        let column = self.column(name)?.as_primitive_opt::<T>().ok_or_else(|| self.wrong(name))?;
        Ok((column.null_count() == 0).then(|| column.values().to_vec()))
    }

    fn optional<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Vec<Option<T::Native>>> {
        let column = self.column(name)?.as_primitive_opt::<T>().ok_or_else(|| self.wrong(name))?;
        Ok(column.iter().collect())
    }

    fn wrong(&self, name: &str) -> Error {
        Error::invalid(format!("the rows have no column `{name}` of table `{}`", self.table.token()))
    }
}
