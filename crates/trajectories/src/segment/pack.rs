//! Packing batches into messages.

use super::MAX_MESSAGE_BYTES;
use super::compact::compact;
use crate::columns::StepColumns;
use crate::error::{Error, Result, arrow};
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use contracts::events::Table;

/// Room for a stream's schema and the metadata of its batch, bytes.
const STREAM_OVERHEAD: usize = 12 * 1024;
/// Rows of a compact batch: at 35 bytes, the most that a row can have, they fit a message.
const COMPACT_ROWS: usize = 24_576;

/// Encodes the batches of one segment or more into messages of at most [`MAX_MESSAGE_BYTES`]; each is a segment of its
/// own, and the same batches give the same messages. Batches are in their tables' schemas (or leave out columns that
/// may be null).
///
/// # Errors
/// `Invalid` when a single row is too large for a message.
pub fn encode(batches: &[(Table, RecordBatch)]) -> Result<Vec<Bytes>> {
    let mut packer = Packer::default();
    batches.iter().try_for_each(|(table, batch)| packer.add(*table, batch.clone()))?;
    packer.finish()
}

/// As [`encode`], with `steps` in their compact form if they have one.
///
/// # Errors
/// `Invalid` when the columns of `steps` differ in length, and as [`encode`].
pub fn encode_steps(steps: &StepColumns<'_>, others: &[(Table, RecordBatch)]) -> Result<Vec<Bytes>> {
    let mut packer = Packer::default();
    let mut start = 0;
    while start < steps.step.len() {
        let part = steps.slice(start..whole_teams(steps, start));
        match compact(&part)? {
            Some(tables) => packer.add_together(&tables)?,
            None => packer.add(Table::Steps, part.batch()?)?,
        }
        start += part.step.len();
    }
    others.iter().try_for_each(|(table, batch)| packer.add(*table, batch.clone()))?;
    packer.finish()
}

/// Where a part of `steps` from `start` may end: behind a whole team.
fn whole_teams(steps: &StepColumns<'_>, start: usize) -> usize {
    let end = start + COMPACT_ROWS;
    if end >= steps.robot.len() {
        return steps.step.len();
    }
    let first_of_team = (start + 1..=end).rev().find(|row| steps.robot[*row] == 0);
    first_of_team.unwrap_or(end)
}

/// Messages as they fill.
#[derive(Default)]
struct Packer {
    messages: Vec<Bytes>,
    message: Vec<u8>,
}

impl Packer {
    /// Adds a batch, in as many messages as it takes.
    fn add(&mut self, table: Table, mut rest: RecordBatch) -> Result<()> {
        debug_assert!(rest.schema().metadata().get(crate::schema::TABLE_KEY).is_none_or(|name| name == table.token()));
        while rest.num_rows() > 0 {
            let fitting = rows_that_fit(&rest, self.message.len());
            if fitting == 0 && !self.message.is_empty() {
                self.close();
                continue;
            }
            let rows = fitting.clamp(1, rest.num_rows());
            self.append(&rest.slice(0, rows))?;
            rest = rest.slice(rows, rest.num_rows() - rows);
        }
        Ok(())
    }

    /// Adds batches that belong into one message.
    fn add_together(&mut self, batches: &[RecordBatch]) -> Result<()> {
        let size: usize = batches.iter().map(|batch| super::size_of_rows(batch) + STREAM_OVERHEAD).sum();
        if !self.message.is_empty() && self.message.len() + size > MAX_MESSAGE_BYTES {
            self.close();
        }
        self.message.reserve(size);
        batches.iter().try_for_each(|batch| self.append(batch))
    }

    /// Writes a batch as a stream of its own.
    fn append(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut message = std::mem::take(&mut self.message);
        message.reserve(super::size_of_rows(batch) + STREAM_OVERHEAD);
        let options = IpcWriteOptions::try_new(8, false, arrow::ipc::MetadataVersion::V5).map_err(arrow("encode"))?;
        let schema = batch.schema();
        let writer = StreamWriter::try_new_with_options(message, &schema, options);
        let mut writer = writer.map_err(arrow("encode a schema"))?;
        writer.write(batch).map_err(arrow("encode a batch"))?;
        writer.finish().map_err(arrow("encode the end of a stream"))?;
        self.message = writer.into_inner().map_err(arrow("encode"))?;
        Ok(())
    }

    fn close(&mut self) {
        self.messages.push(Bytes::from(std::mem::take(&mut self.message)));
    }

    fn finish(mut self) -> Result<Vec<Bytes>> {
        if !self.message.is_empty() {
            self.close();
        }
        match self.messages.iter().map(Bytes::len).max() {
            Some(largest) if largest > MAX_MESSAGE_BYTES => {
                Err(Error::invalid(format!("a message of {largest} bytes is larger than {MAX_MESSAGE_BYTES}")))
            }
            _ => Ok(self.messages),
        }
    }
}

fn rows_that_fit(batch: &RecordBatch, used: usize) -> usize {
    let room = MAX_MESSAGE_BYTES.saturating_sub(used + STREAM_OVERHEAD);
    let size = super::size_of_rows(batch);
    // Arrow pads every buffer to 8 bytes, which the overhead covers.
    let per_row = size.div_ceil(batch.num_rows().max(1)).max(1);
    if size <= room { batch.num_rows() } else { room / per_row }
}
