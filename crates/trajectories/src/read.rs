//! Reading Parquet files back: one episode for playback, or whole tables.
//!
//! Files are read by ranges; row groups whose statistics say that they cannot hold the episode are never fetched.

mod extent;
mod source;

pub use extent::rows_by_episode;

use crate::error::{Error, Result, arrow, parquet};
use crate::recorded::{Detail, RecordedSteps};
use crate::schema;
use crate::store::ObjectStore;
use ::arrow::array::{AsArray, BooleanArray};
use ::arrow::compute::concat_batches;
use ::arrow::datatypes::{DataType, UInt32Type, UInt64Type};
use ::arrow::record_batch::RecordBatch;
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ArrowPredicateFn, ArrowReaderMetadata, RowFilter};
use ::parquet::arrow::async_reader::{ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder};
use ::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use ::parquet::file::statistics::Statistics;
use contracts::events::Table;
use futures::{Stream, TryStreamExt};
use source::Source;
use std::ops::Range;

/// Rows per batch of a scan.
const BATCH_ROWS: usize = 16_384;

/// Some rows of an episode, and what it took to find them.
#[derive(Clone, Debug)]
pub struct EpisodeRows {
    /// In the table's schema, in the order (step, robot).
    pub rows: RecordBatch,
    /// Row groups fetched.
    pub row_groups_read: usize,
    /// Row groups in the files.
    pub row_groups: usize,
}

/// What it took to find rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruning {
    /// Row groups fetched.
    pub row_groups_read: usize,
    /// Row groups in the files.
    pub row_groups: usize,
}

/// Steps of `episode` in the files `keys`, from its beginning up to `end`, with only those columns that `detail` needs.
/// Keys in the order of their segments give rows in the order of steps.
///
/// # Errors
/// As [`episode`].
pub async fn recorded_steps(
    store: &ObjectStore,
    keys: &[String],
    episode: u64,
    end: u32,
    detail: Detail,
) -> Result<(RecordedSteps, Pruning)> {
    let (mut recorded, mut pruning) = (RecordedSteps::default(), Pruning::default());
    let wanted = Wanted { episode, steps: Some(0..end) };
    for key in keys {
        let Some(rows) = wanted.rows(store, key, Some(detail.columns()), &mut pruning).await? else { continue };
        let batches: Vec<RecordBatch> = rows.try_collect().await.map_err(parquet("read rows"))?;
        for batch in &batches {
            recorded.append(batch, detail)?;
        }
    }
    Ok((recorded, pruning))
}

/// The rows of `episode` in the files `keys` of `steps` or `world_events`, in `steps` only, if given. Keys in the order
/// of their segments give rows in the order of steps.
///
/// # Errors
/// `Store` when a file cannot be read (see [`Error::is_not_found`]), `Parquet` when it is not what was written.
pub async fn episode(
    store: &ObjectStore,
    table: Table,
    keys: &[String],
    episode: u64,
    steps: Option<Range<u32>>,
) -> Result<EpisodeRows> {
    if !matches!(table, Table::Steps | Table::WorldEvents) {
        return Err(Error::invalid(format!("table `{}` has no steps", table.token())));
    }
    let (mut batches, mut pruning) = (Vec::new(), Pruning::default());
    let wanted = Wanted { episode, steps };
    for key in keys {
        if let Some(rows) = wanted.rows(store, key, None, &mut pruning).await? {
            batches.extend(collect(table, rows).await?);
        }
    }
    let rows = concat_batches(&schema::schema(table), &batches).map_err(arrow("join rows"))?;
    Ok(EpisodeRows { rows, row_groups_read: pruning.row_groups_read, row_groups: pruning.row_groups })
}

/// All rows of the file `key`, batch by batch; only the named columns, if given.
pub async fn scan(
    store: &ObjectStore,
    key: &str,
    columns: Option<&[&str]>,
) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + use<>> {
    let (source, metadata) = open(store, key).await?;
    let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(source, metadata);
    let mask = match columns {
        Some(columns) => ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied()),
        None => ProjectionMask::all(),
    };
    let rows = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(parquet("open a file"))?;
    Ok(rows.map_err(parquet("read rows")))
}

/// All rows of the file `key` in its table's schema: for the small tables.
pub async fn all(store: &ObjectStore, table: Table, key: &str) -> Result<RecordBatch> {
    let (source, metadata) = open(store, key).await?;
    let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(source, metadata);
    let batches = collect(table, builder.build().map_err(parquet("open a file"))?).await?;
    concat_batches(&schema::schema(table), &batches).map_err(arrow("join rows"))
}

/// Rows of one episode.
struct Wanted {
    episode: u64,
    steps: Option<Range<u32>>,
}

impl Wanted {
    /// The wanted rows of one file, all columns or some; `None` when its statistics say that it has none.
    async fn rows(
        &self,
        store: &ObjectStore,
        key: &str,
        columns: Option<&[&str]>,
        pruning: &mut Pruning,
    ) -> Result<Option<ParquetRecordBatchStream<Source>>> {
        let (source, metadata) = open(store, key).await?;
        let groups = self.row_groups(metadata.metadata());
        pruning.row_groups += metadata.metadata().num_row_groups();
        pruning.row_groups_read += groups.len();
        if groups.is_empty() {
            return Ok(None);
        }
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(source, metadata);
        let filter = self.row_filter(builder.parquet_schema());
        let mask = match columns {
            Some(columns) => ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied()),
            None => ProjectionMask::all(),
        };
        let builder = builder.with_row_groups(groups).with_projection(mask).with_row_filter(filter);
        builder.with_batch_size(BATCH_ROWS).build().map(Some).map_err(parquet("open a file"))
    }

    /// Row groups that may hold wanted rows.
    fn row_groups(&self, metadata: &ParquetMetaData) -> Vec<usize> {
        let groups = metadata.row_groups().iter().enumerate();
        groups.filter(|(_, group)| self.may_be_in(group)).map(|(index, _)| index).collect()
    }

    fn may_be_in(&self, group: &RowGroupMetaData) -> bool {
        let episodes = bounds(group, 0).is_none_or(|(low, high)| (low..=high).contains(&self.episode));
        let one_episode = bounds(group, 0).is_some_and(|(low, high)| low == high);
        // Where episodes mix, the extent of steps says nothing about one of them.
        let steps = match (&self.steps, bounds(group, 1)) {
            (Some(steps), Some((low, high))) if one_episode => {
                u64::from(steps.start) <= high && u64::from(steps.end) > low
            }
            _ => true,
        };
        episodes && steps
    }

    fn row_filter(&self, schema: &::parquet::schema::types::SchemaDescriptor) -> RowFilter {
        let (episode, steps) = (self.episode, self.steps.clone().unwrap_or(0..u32::MAX));
        let mask = ProjectionMask::columns(schema, ["episode_index", "step"]);
        let keep = ArrowPredicateFn::new(mask, move |rows: RecordBatch| {
            let episodes = rows.column(0).as_primitive::<UInt64Type>().values().iter();
            let rows = episodes.zip(rows.column(1).as_primitive::<UInt32Type>().values());
            Ok(rows.map(|(e, step)| Some(*e == episode && steps.contains(step))).collect::<BooleanArray>())
        });
        RowFilter::new(vec![Box::new(keep)])
    }
}

/// Least and greatest value of a column of whole numbers, from the row group's statistics.
fn bounds(group: &RowGroupMetaData, column: usize) -> Option<(u64, u64)> {
    // Unsigned numbers are stored in signed ones of the same width.
    match group.columns().get(column)?.statistics()? {
        Statistics::Int32(s) => Some((*s.min_opt()? as u32 as u64, *s.max_opt()? as u32 as u64)),
        Statistics::Int64(s) => Some((*s.min_opt()? as u64, *s.max_opt()? as u64)),
        _ => None,
    }
}

async fn open(store: &ObjectStore, key: &str) -> Result<(Source, ArrowReaderMetadata)> {
    let mut source = Source::open(store, key).await?;
    let metadata = ArrowReaderMetadata::load_async(&mut source, Default::default()).await;
    let metadata = metadata.map_err(parquet("read the end of a file"))?;
    check_keys(metadata.schema(), key)?;
    Ok((source, metadata))
}

/// Everything here finds rows by the first two columns: without them the file is not one of ours.
fn check_keys(schema: &::arrow::datatypes::Schema, key: &str) -> Result<()> {
    match schema.fields().first() {
        Some(field) if field.data_type() == &DataType::UInt64 => Ok(()),
        _ => Err(Error::invalid(format!("`{key}` is not a file of the archive"))),
    }
}

/// The rows in the table's own schema: files written before a column was added have nulls in it.
async fn collect(table: Table, rows: ParquetRecordBatchStream<Source>) -> Result<Vec<RecordBatch>> {
    let batches: Vec<RecordBatch> = rows.try_collect().await.map_err(parquet("read rows"))?;
    batches.into_iter().map(|batch| in_schema(table, &batch)).collect()
}

fn in_schema(table: Table, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = schema::columns(table).iter().map(|column| match batch.column_by_name(column.name) {
        Some(values) => values.clone(),
        None => ::arrow::array::new_null_array(&column.data_type, batch.num_rows()),
    });
    RecordBatch::try_new(schema::schema(table), columns.collect()).map_err(arrow("read rows"))
}
