//! Recording levels: how much of an episode is kept.

use crate::error::{Error, Result, arrow};
use crate::schema;
use arrow::array::{BooleanArray, UInt64Array};
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use contracts::config::{RecordingLevel, RecordingSettings};
use contracts::events::Table;
use std::num::NonZeroU32;

/// How much of a run is kept. Episodes and maps are kept at every level but `None`: they are what makes the rest
/// reproducible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Every column of every step, and every world event.
    Full,
    /// Identity and action of every step; everything else is simulated again on read.
    Actions,
    /// Every Nth episode in full.
    Sampled(NonZeroU32),
    /// Nothing.
    None,
}

impl Recording {
    /// As the run was configured.
    pub fn of(settings: &RecordingSettings) -> Self {
        match settings.level {
            RecordingLevel::Full => Self::Full,
            RecordingLevel::Actions => Self::Actions,
            RecordingLevel::Sampled => {
                Self::Sampled(settings.sample_every.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN))
            }
            RecordingLevel::None => Self::None,
        }
    }

    /// The level without its parameter.
    pub fn level(self) -> RecordingLevel {
        match self {
            Self::Full => RecordingLevel::Full,
            Self::Actions => RecordingLevel::Actions,
            Self::Sampled(_) => RecordingLevel::Sampled,
            Self::None => RecordingLevel::None,
        }
    }

    /// What is kept of `batch`, in its table's schema. Applying a level twice is the same as once.
    pub fn apply(self, table: Table, batch: RecordBatch) -> Result<RecordBatch> {
        match (self, table) {
            (Self::Full, _) => Ok(batch),
            (Self::None, _) | (Self::Actions, Table::WorldEvents) => Ok(batch.slice(0, 0)),
            (_, Table::Episodes | Table::Maps) => Ok(batch),
            (Self::Actions, Table::Steps) => drop_optional_columns(table, &batch),
            (Self::Sampled(n), Table::Steps | Table::WorldEvents) => keep_every(n, table, &batch),
        }
    }
}

/// `full`, `actions`, `sampled:<n>` or `none`, as it stands in a segment's headers.
impl std::fmt::Display for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Actions => f.write_str("actions"),
            Self::Sampled(n) => write!(f, "sampled:{n}"),
            Self::None => f.write_str("none"),
        }
    }
}

impl std::str::FromStr for Recording {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "full" => Ok(Self::Full),
            "actions" => Ok(Self::Actions),
            "none" => Ok(Self::None),
            _ => text
                .strip_prefix("sampled:")
                .and_then(|n| n.parse().ok())
                .map(Self::Sampled)
                .ok_or_else(|| Error::invalid("the recording level is not full, actions, sampled:<n> or none")),
        }
    }
}

fn drop_optional_columns(table: Table, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = schema::columns(table).iter().zip(batch.columns());
    let columns = columns.map(|(column, values)| {
        if column.required { values.clone() } else { arrow::array::new_null_array(&column.data_type, batch.num_rows()) }
    });
    RecordBatch::try_new(schema::schema(table), columns.collect()).map_err(arrow("drop columns"))
}

fn keep_every(n: NonZeroU32, table: Table, batch: &RecordBatch) -> Result<RecordBatch> {
    let episodes = schema::position(table, "episode_index").map(|at| batch.column(at).as_any());
    let Some(episodes) = episodes.and_then(|column| column.downcast_ref::<UInt64Array>()) else {
        return Err(Error::invalid("`episode_index` is missing"));
    };
    let keep: BooleanArray = episodes.values().iter().map(|episode| Some(episode % u64::from(n.get()) == 0)).collect();
    filter_record_batch(batch, &keep).map_err(arrow("sample episodes"))
}
