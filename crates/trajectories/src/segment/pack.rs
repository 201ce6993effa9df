//! Packing batches into messages.

use super::MAX_MESSAGE_BYTES;
use crate::error::{Error, Result, arrow};
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use contracts::events::Table;

/// Room for a stream's schema and the metadata of its batch, bytes.
const STREAM_OVERHEAD: usize = 12 * 1024;

/// Encodes the batches of one segment or more into messages of at most [`MAX_MESSAGE_BYTES`]; each is a segment of its
/// own, and the same batches give the same messages. Batches are in their tables' schemas (or leave out columns that
/// may be null).
///
/// # Errors
/// `Invalid` when a single row is too large for a message.
pub fn encode(batches: &[(Table, RecordBatch)]) -> Result<Vec<Bytes>> {
    let mut messages = Vec::new();
    let mut message = Vec::new();
    for (table, batch) in batches {
        let mut rest = batch.clone();
        while rest.num_rows() > 0 {
            let fitting = rows_that_fit(&rest, message.len());
            if fitting == 0 && !message.is_empty() {
                messages.push(Bytes::from(std::mem::take(&mut message)));
                continue;
            }
            let rows = fitting.clamp(1, rest.num_rows());
            message = append_stream(message, *table, &rest.slice(0, rows))?;
            rest = rest.slice(rows, rest.num_rows() - rows);
        }
    }
    if !message.is_empty() {
        messages.push(Bytes::from(message));
    }
    match messages.iter().map(Bytes::len).max() {
        Some(largest) if largest > MAX_MESSAGE_BYTES => {
            Err(Error::invalid(format!("a message of {largest} bytes is larger than {MAX_MESSAGE_BYTES}")))
        }
        _ => Ok(messages),
    }
}

fn rows_that_fit(batch: &RecordBatch, used: usize) -> usize {
    let room = MAX_MESSAGE_BYTES.saturating_sub(used + STREAM_OVERHEAD);
    let size = super::size_of_rows(batch);
    // Arrow pads every buffer to 8 bytes, which the overhead covers.
    let per_row = size.div_ceil(batch.num_rows().max(1)).max(1);
    if size <= room { batch.num_rows() } else { room / per_row }
}

fn append_stream(mut message: Vec<u8>, table: Table, batch: &RecordBatch) -> Result<Vec<u8>> {
    let options = IpcWriteOptions::try_new(8, false, arrow::ipc::MetadataVersion::V5).map_err(arrow("encode"))?;
    let schema = batch.schema();
    debug_assert!(schema.metadata().get(crate::schema::TABLE_KEY).is_none_or(|name| name == table.token()));
    message.reserve(super::size_of_rows(batch) + STREAM_OVERHEAD);
    let mut writer = StreamWriter::try_new_with_options(message, &schema, options).map_err(arrow("encode a schema"))?;
    writer.write(batch).map_err(arrow("encode a batch"))?;
    writer.finish().map_err(arrow("encode the end of a stream"))?;
    writer.into_inner().map_err(arrow("encode"))
}
