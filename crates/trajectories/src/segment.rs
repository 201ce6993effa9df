//! Segments: what one message on `patrol.traj.<run_id>.<split>` holds.
//!
//! The payload is one or more Arrow IPC streams, one after the other, each with its end-of-stream marker; the metadata
//! `patrol.table` of a stream's schema names its table. Headers say who sent it and which one it is. Any Arrow library
//! writes this: `pyarrow.ipc.new_stream(sink, schema)` once per table. Learners send `steps` in the
//! [compact form](crate::schema::compact): what travels costs more than what is computed.

mod compact;
mod expand;
mod ipc;
mod pack;

use crate::error::{Error, Result};
use crate::recording::Recording;
use crate::schema;
use crate::validation::{self, World};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use contracts::events::{Split, Table};
use contracts::ids::RunId;

pub(crate) use ipc::decode_batch;
pub use pack::{encode, encode_steps};

/// Largest message that [`encode`] makes, bytes: below the default `max_payload` of a NATS server, 1 MiB.
pub const MAX_MESSAGE_BYTES: usize = 900 * 1024;
/// Most rows of all tables in one message.
pub const MAX_ROWS: usize = 1 << 20;
/// Longest name of a producer.
pub const MAX_PRODUCER: usize = 64;

const PRODUCER: &str = "Patrol-Producer";
const SEGMENT: &str = "Patrol-Segment";
const RECORDING: &str = "Patrol-Recording";
const END: &str = "Patrol-End";

/// Who sent a segment, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// What numbers the segments: `train`, an evaluation id, a world hash or an external producer's name. Letters,
    /// digits, `_` and `-`; at most 64.
    pub producer: String,
    /// From 0, without gaps, per run, split and producer. The same number always holds the same rows.
    pub number: u64,
    /// What the producer has already left out.
    pub recording: Recording,
    /// The producer's last segment: the archive need not wait for more.
    pub end: bool,
}

impl SegmentHeader {
    pub fn new(producer: impl Into<String>, number: u64, recording: Recording) -> Self {
        Self { producer: producer.into(), number, recording, end: false }
    }

    /// Header names and values. `Nats-Msg-Id` lets the server drop a segment that is sent again at once.
    pub fn to_headers(&self, run: RunId, split: Split) -> Vec<(&'static str, String)> {
        let id = format!("{run}/{}/{}/{}", split.token(), self.producer, self.number);
        vec![
            ("Nats-Msg-Id", id),
            (PRODUCER, self.producer.clone()),
            (SEGMENT, self.number.to_string()),
            (RECORDING, self.recording.to_string()),
            (END, self.end.to_string()),
        ]
    }

    /// Reads the headers back; `header` looks one up by name. `Patrol-Recording` and `Patrol-End` may be absent: `full`
    /// and `false`.
    pub fn from_headers<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<Self> {
        let required = |name| header(name).ok_or_else(|| Error::invalid(format!("header `{name}` is missing")));
        let producer = required(PRODUCER)?;
        if !is_producer(producer) {
            let rule = "1 to 64 letters, digits, `_` or `-`";
            return Err(Error::invalid(format!("header `{PRODUCER}` must be {rule}")));
        }
        let number = required(SEGMENT)?.parse();
        let number = number.map_err(|_| Error::invalid(format!("header `{SEGMENT}` is not a number from 0")))?;
        let end = match header(END).unwrap_or("false") {
            "true" => true,
            "false" => false,
            _ => return Err(Error::invalid(format!("header `{END}` is neither true nor false"))),
        };
        Ok(Self { producer: producer.to_owned(), number, recording: header(RECORDING).unwrap_or("full").parse()?, end })
    }
}

/// A decoded and validated segment: at most one batch per table, each in the schema of its table.
#[derive(Clone, Debug)]
pub struct Segment {
    pub header: SegmentHeader,
    tables: [Option<RecordBatch>; 4],
}

impl Segment {
    /// Decodes a message and checks all that can be checked without knowing other messages.
    ///
    /// # Errors
    /// `Invalid` with the reason for the sender. No input panics, and none allocates more than a small multiple of its
    /// own length.
    pub fn decode(header: SegmentHeader, payload: &Bytes, world: &World) -> Result<Self> {
        let tables = ipc::decode(payload)?;
        let segment = Self { header, tables };
        for (table, batch) in segment.batches() {
            validation::check(table, batch, world)?;
        }
        Ok(segment)
    }

    /// The rows of `table`, if there are any.
    pub fn batch(&self, table: Table) -> Option<&RecordBatch> {
        self.tables[schema::index(table)].as_ref().filter(|batch| batch.num_rows() > 0)
    }

    /// All tables with rows.
    pub fn batches(&self) -> impl Iterator<Item = (Table, &RecordBatch)> {
        Table::ALL.into_iter().filter_map(|table| Some((table, self.batch(table)?)))
    }

    /// Leaves out what `recording` does not keep.
    pub fn apply(self, recording: Recording) -> Result<Self> {
        let mut tables = self.tables;
        for table in Table::ALL {
            let place = &mut tables[schema::index(table)];
            *place = place.take().map(|batch| recording.apply(table, batch)).transpose()?;
        }
        Ok(Self { header: self.header, tables })
    }

    /// Rows of all tables.
    pub fn rows(&self) -> usize {
        self.batches().map(|(_, batch)| batch.num_rows()).sum()
    }

    /// Memory held, bytes.
    pub fn memory(&self) -> usize {
        self.batches().map(|(_, batch)| size_of_rows(batch)).sum()
    }
}

/// Bytes of the rows themselves: columns share the buffer of their message, so capacities would count it many times.
fn size_of_rows(batch: &RecordBatch) -> usize {
    batch.columns().iter().filter_map(|column| column.to_data().get_slice_memory_size().ok()).sum()
}

fn is_producer(name: &str) -> bool {
    (1..=MAX_PRODUCER).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}
