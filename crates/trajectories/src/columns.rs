//! Table `steps` from a structure of arrays, the form in which a learner leaves a rollout.

use crate::error::{Error, Result, arrow};
use crate::schema::schema;
use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, Float32Array, PrimitiveArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array, new_null_array,
};
use arrow::buffer::{BooleanBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use contracts::events::Table;
use std::ops::Range;
use std::sync::Arc;

/// Robot-steps, one slice per column, all of the same length; rows of one episode are contiguous and in the order
/// (step, robot). Columns are described in [`crate::schema`]; what is `None` becomes null.
///
/// Each slice is copied exactly once, into its Arrow buffer (flags are packed into bits).
#[derive(Clone, Copy, Debug, Default)]
pub struct StepColumns<'a> {
    pub episode_index: &'a [u64],
    pub step: &'a [u32],
    pub robot: &'a [u8],
    pub x: &'a [u8],
    pub y: &'a [u8],
    pub heading: &'a [u8],
    pub action: &'a [u8],
    pub action_mask: Option<&'a [u8]>,
    pub log_prob: Option<&'a [f32]>,
    pub value: Option<&'a [f32]>,
    pub reward: &'a [f32],
    pub battery: &'a [f32],
    pub charging: &'a [bool],
    pub blocked: &'a [bool],
    pub cells_cleared: &'a [u16],
    pub threat_removed: &'a [f32],
    pub team_mean_threat: &'a [f32],
    pub is_first: &'a [bool],
    pub is_last: &'a [bool],
    pub is_terminal: &'a [bool],
    /// The same for all rows: updates behind the policy that acted.
    pub policy_version: Option<u32>,
    pub state_hash: &'a [u64],
}

impl<'a> StepColumns<'a> {
    /// Some consecutive rows.
    pub(crate) fn slice(&self, rows: Range<usize>) -> Self {
        fn part<'v, T>(values: &'v [T], rows: &Range<usize>) -> &'v [T] {
            &values[rows.start.min(values.len())..rows.end.min(values.len())]
        }
        macro_rules! sliced {
            ($($column:ident)*; $($optional:ident)*) => {
                StepColumns {
                    $($column: part(self.$column, &rows),)*
                    $($optional: self.$optional.map(|values| part(values, &rows)),)*
                    policy_version: self.policy_version,
                }
            };
        }
        sliced!(episode_index step robot x y heading action reward battery charging blocked cells_cleared threat_removed
            team_mean_threat is_first is_last is_terminal state_hash; action_mask log_prob value)
    }

    /// Whether every column has as many values as `step`.
    pub(crate) fn is_rectangular(&self) -> bool {
        let rows = self.step.len();
        let bytes = [self.robot, self.x, self.y, self.heading, self.action];
        let reals = [self.reward, self.battery, self.threat_removed, self.team_mean_threat];
        let flags = [self.charging, self.blocked, self.is_first, self.is_last, self.is_terminal];
        bytes.iter().chain(&self.action_mask).all(|column| column.len() == rows)
            && reals.iter().chain(&self.log_prob).chain(&self.value).all(|column| column.len() == rows)
            && flags.iter().all(|column| column.len() == rows)
            && [self.episode_index, self.state_hash].iter().all(|column| column.len() == rows)
            && self.cells_cleared.len() == rows
    }

    /// The columns as a batch of table `steps`.
    ///
    /// # Errors
    /// `Invalid` when the slices differ in length.
    pub fn batch(&self) -> Result<RecordBatch> {
        let rows = self.step.len();
        let columns = vec![
            numbers::<_, UInt64Array>("episode_index", self.episode_index, rows)?,
            numbers::<_, UInt32Array>("step", self.step, rows)?,
            numbers::<_, UInt8Array>("robot", self.robot, rows)?,
            numbers::<_, UInt8Array>("x", self.x, rows)?,
            numbers::<_, UInt8Array>("y", self.y, rows)?,
            numbers::<_, UInt8Array>("heading", self.heading, rows)?,
            numbers::<_, UInt8Array>("action", self.action, rows)?,
            numbers_or_null::<_, UInt8Array>("action_mask", self.action_mask, DataType::UInt8, rows)?,
            numbers_or_null::<_, Float32Array>("log_prob", self.log_prob, DataType::Float32, rows)?,
            numbers_or_null::<_, Float32Array>("value", self.value, DataType::Float32, rows)?,
            numbers::<_, Float32Array>("reward", self.reward, rows)?,
            numbers::<_, Float32Array>("battery", self.battery, rows)?,
            flags("charging", self.charging, rows)?,
            flags("blocked", self.blocked, rows)?,
            numbers::<_, UInt16Array>("cells_cleared", self.cells_cleared, rows)?,
            numbers::<_, Float32Array>("threat_removed", self.threat_removed, rows)?,
            numbers::<_, Float32Array>("team_mean_threat", self.team_mean_threat, rows)?,
            flags("is_first", self.is_first, rows)?,
            flags("is_last", self.is_last, rows)?,
            flags("is_terminal", self.is_terminal, rows)?,
            self.policy_version.map_or_else(
                || new_null_array(&DataType::UInt32, rows),
                |version| Arc::new(UInt32Array::from_value(version, rows)),
            ),
            numbers::<_, UInt64Array>("state_hash", self.state_hash, rows)?,
        ];
        RecordBatch::try_new(schema(Table::Steps), columns).map_err(arrow("build steps"))
    }
}

/// An Arrow array of numbers from a slice of its native type.
trait FromSlice<T> {
    fn from_slice(values: &[T]) -> ArrayRef;
}

impl<P: ArrowPrimitiveType> FromSlice<P::Native> for PrimitiveArray<P> {
    fn from_slice(values: &[P::Native]) -> ArrayRef {
        Arc::new(Self::new(ScalarBuffer::from(values.to_vec()), None))
    }
}

fn numbers<T, A: FromSlice<T>>(name: &str, values: &[T], rows: usize) -> Result<ArrayRef> {
    check_length(name, values.len(), rows)?;
    Ok(A::from_slice(values))
}

fn numbers_or_null<T, A: FromSlice<T>>(
    name: &str,
    values: Option<&[T]>,
    data_type: DataType,
    rows: usize,
) -> Result<ArrayRef> {
    values.map_or_else(|| Ok(new_null_array(&data_type, rows)), |values| numbers::<T, A>(name, values, rows))
}

fn flags(name: &str, values: &[bool], rows: usize) -> Result<ArrayRef> {
    check_length(name, values.len(), rows)?;
    Ok(Arc::new(BooleanArray::new(BooleanBuffer::from(values), None)))
}

fn check_length(name: &str, length: usize, rows: usize) -> Result<()> {
    if length == rows {
        return Ok(());
    }
    Err(Error::invalid(format!("column `{name}` has {length} values and `step` has {rows}")))
}
