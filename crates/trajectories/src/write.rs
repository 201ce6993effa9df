//! Segments into Parquet files: sorted, in row groups that can be skipped, the same bytes for the same rows.

mod bits;
mod chunk;
mod columns;
mod dictionary;
mod encoding;
mod order;
mod steps;

use crate::error::{Error, Result, arrow, parquet};
use crate::schema;
use ::arrow::array::AsArray;
use ::arrow::compute::{concat_batches, interleave_record_batch};
use ::arrow::datatypes::{UInt32Type, UInt64Type};
use ::arrow::record_batch::RecordBatch;
use ::parquet::arrow::ArrowWriter;
use bytes::Bytes;
use contracts::events::Table;

pub use encoding::ROW_GROUP_ROWS;
pub use order::Overlap;
use order::Piece;
use steps::StepsWriter;

/// A Parquet file in memory.
#[derive(Clone, Debug)]
pub struct ParquetFile {
    pub bytes: Bytes,
    pub rows: u64,
    /// First and last episode; absent in `maps`.
    pub episodes: Option<(u64, u64)>,
    /// Lowest and highest step; absent in `maps` and `episodes`.
    pub steps: Option<(u32, u32)>,
}

/// Writes batches of `steps` as one file, sorted by (episode, step, robot). Within a batch, rows of one episode are
/// contiguous and sorted already, as [`crate::validation`] demands, so runs of rows are moved and never single ones.
///
/// # Errors
/// [`WriteError::Overlap`] when two batches hold steps of one episode that do not follow each other.
pub fn steps(batches: &[&RecordBatch]) -> Result<Option<ParquetFile>, WriteError> {
    let pieces = order::pieces(batches)?;
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Ok(None) };
    let lowest = pieces.iter().map(|piece| piece.first.0).min();
    let highest = pieces.iter().map(|piece| piece.last.0).max();
    let mut file = StepsWriter::new()?;
    for group in order::row_groups(&pieces, ROW_GROUP_ROWS) {
        file.write(&gather(batches, &group)?)?;
    }
    Ok(Some(ParquetFile {
        bytes: file.finish()?,
        rows: pieces.iter().map(|piece| piece.length as u64).sum(),
        episodes: Some((first.episode, last.episode)),
        steps: lowest.zip(highest),
    }))
}

/// Writes batches of one of the small tables as one file, in the table's order; of several equal maps one is kept.
pub fn small(table: Table, batches: &[&RecordBatch]) -> Result<Option<ParquetFile>> {
    let rows = order::small_table(table, batches)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let sorted = interleave_record_batch(batches, &rows).map_err(arrow("sort rows"))?;
    let key = sorted.column(0).as_primitive::<UInt64Type>().values();
    let episodes = (table != Table::Maps).then(|| key.first().copied().zip(key.last().copied())).flatten();
    let steps = match table {
        Table::WorldEvents => extent(sorted.column(1).as_primitive::<UInt32Type>().values()),
        _ => None,
    };
    let properties = encoding::properties(table);
    let mut writer =
        ArrowWriter::try_new(Vec::new(), schema::schema(table), Some(properties)).map_err(parquet("begin a file"))?;
    writer.write(&sorted).map_err(parquet("write rows"))?;
    let bytes = writer.into_inner().map_err(parquet("finish a file"))?.into();
    Ok(Some(ParquetFile { bytes, rows: rows.len() as u64, episodes, steps }))
}

/// Writes batches of any table as one file; `None` when there are no rows.
pub fn table(table: Table, batches: &[&RecordBatch]) -> Result<Option<ParquetFile>, WriteError> {
    match table {
        Table::Steps => steps(batches),
        _ => Ok(small(table, batches)?),
    }
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Overlap(#[from] Overlap),
    #[error(transparent)]
    Other(#[from] Error),
}

/// The rows of `pieces` in one batch.
fn gather(batches: &[&RecordBatch], pieces: &[Piece]) -> Result<RecordBatch> {
    let slices: Vec<RecordBatch> =
        pieces.iter().map(|piece| batches[piece.batch].slice(piece.start, piece.length)).collect();
    concat_batches(&schema::schema(Table::Steps), &slices).map_err(arrow("gather rows"))
}

fn extent(values: &[u32]) -> Option<(u32, u32)> {
    values.iter().copied().min().zip(values.iter().copied().max())
}
