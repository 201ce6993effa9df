//! Arrow IPC streams from bytes that nobody has vouched for.
//!
//! Framing and bounds are checked here before Arrow sees a batch: its reader asserts on buffers that lie outside the
//! body and on offsets that are not whole numbers, and knows neither our limits nor our schemas. Dictionaries and
//! compression are refused.
//! Source: Apache Arrow columnar format, "Serialization and Interprocess Communication".

use super::MAX_ROWS;
use super::expand::Parts;
use crate::error::{Error, Result};
use crate::schema::compact::{PART_KEY, Part};
use crate::schema::{self, Column, TABLE_KEY};
use arrow::array::new_null_array;
use arrow::buffer::Buffer;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::RecordBatchDecoder;
use arrow::ipc::{self, Message, MessageHeader};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use contracts::events::Table;
use std::collections::HashMap;
use std::sync::Arc;

const CONTINUATION: [u8; 4] = [0xff; 4];
/// Most record batches in one message: bounds the work per byte.
const MAX_BATCHES: usize = 4096;

/// Every table in `payload`, in its own schema.
pub(super) fn decode(payload: &Bytes) -> Result<[Option<RecordBatch>; 4]> {
    let mut rest = Buffer::from(payload.clone());
    let mut found: [Vec<RecordBatch>; 4] = Default::default();
    let (mut rows, mut batches, mut parts) = (0, 0, Parts::default());
    while !rest.is_empty() {
        let mut stream = Stream::open(&mut rest)?;
        while let Some(batch) = stream.next_batch(&mut rest)? {
            rows += batch.num_rows();
            batches += 1;
            if rows > MAX_ROWS || batches > MAX_BATCHES {
                return Err(Error::invalid(format!("more than {MAX_ROWS} rows or {MAX_BATCHES} batches")));
            }
            match stream.form {
                Form::Table(table) => found[schema::index(table)].push(batch),
                Form::Part(part) => found[schema::index(Table::Steps)].extend(parts.take(part, batch)?),
            }
        }
    }
    parts.finish()?;
    let mut tables: [Option<RecordBatch>; 4] = Default::default();
    for (table, (place, batches)) in Table::ALL.into_iter().zip(tables.iter_mut().zip(&found)) {
        *place = match batches.as_slice() {
            [] => None,
            [batch] => Some(batch.clone()),
            several => Some(concat_batches(&schema::schema(table), several).map_err(unreadable)?),
        };
    }
    Ok(tables)
}

/// The first batch of a stream with exactly the columns of `expected`, and the metadata of its schema.
pub(crate) fn decode_batch(payload: &Bytes, expected: &SchemaRef) -> Result<(RecordBatch, HashMap<String, String>)> {
    let mut rest = Buffer::from(payload.clone());
    let mut frame = || Frame::read(&mut rest)?.ok_or_else(|| Error::invalid("a stream ends too early"));
    let opening = frame()?;
    let sent = opening.message()?;
    let sent = sent.header_as_schema().ok_or_else(|| Error::invalid("a stream does not begin with a schema"))?;
    let sent = ipc::convert::try_fb_to_schema(sent).map_err(unreadable)?;
    if sent.fields() != expected.fields() {
        return Err(Error::invalid("not the columns that were asked for"));
    }
    let body = frame()?;
    let message = body.message()?;
    let batch = message.header_as_record_batch().ok_or_else(|| Error::invalid("not a record batch"))?;
    check_bounds(&batch, &sent, body.body.len())?;
    let (dictionaries, version) = (HashMap::new(), message.version());
    let decoder = RecordBatchDecoder::try_new(&body.body, batch, expected.clone(), &dictionaries, &version);
    let batch = decoder.and_then(RecordBatchDecoder::read_record_batch).map_err(unreadable)?;
    Ok((batch, sent.metadata.into()))
}

/// What a stream holds.
#[derive(Clone, Copy)]
enum Form {
    Table(Table),
    /// Of the compact form of `steps`.
    Part(Part),
}

impl Form {
    fn of(sent: &Schema) -> Result<Self> {
        let name = sent.metadata().get(TABLE_KEY).map_or(Table::Steps.token(), String::as_str);
        let table = Table::ALL.into_iter().find(|table| table.token() == name);
        let part = sent.metadata().get(PART_KEY);
        let part = part.map(|name| (name, Part::ALL.into_iter().find(|part| part.token() == name)));
        match (table, part) {
            (Some(table), None) => Ok(Self::Table(table)),
            (Some(Table::Steps), Some((_, Some(part)))) => Ok(Self::Part(part)),
            (_, Some((name, _))) => Err(Error::invalid(format!("`{}` is not a part of `steps`", shown(name)))),
            (None, None) => Err(Error::invalid(format!("`{}` is not a table of the archive", shown(name)))),
        }
    }

    fn columns(self) -> &'static [Column] {
        match self {
            Self::Table(table) => schema::columns(table),
            Self::Part(part) => part.columns(),
        }
    }

    fn schema(self) -> SchemaRef {
        match self {
            Self::Table(table) => schema::schema(table),
            Self::Part(part) => part.schema(),
        }
    }

    /// Its name for the sender.
    fn name(self) -> &'static str {
        match self {
            Self::Table(table) => table.token(),
            Self::Part(part) => part.token(),
        }
    }
}

/// One stream: its schema has been read and fits its form.
struct Stream {
    form: Form,
    sent: SchemaRef,
    /// For each column of the form, its place among the sent ones.
    places: Vec<Option<usize>>,
}

impl Stream {
    fn open(rest: &mut Buffer) -> Result<Self> {
        let frame = Frame::read(rest)?.ok_or_else(|| Error::invalid("a stream without a schema"))?;
        let message = frame.message()?;
        let sent = message.header_as_schema().ok_or_else(|| Error::invalid("a stream does not begin with a schema"))?;
        let sent = ipc::convert::try_fb_to_schema(sent).map_err(unreadable)?;
        let form = Form::of(&sent)?;
        Ok(Self { form, places: places(form, &sent)?, sent: Arc::new(sent) })
    }

    fn next_batch(&mut self, rest: &mut Buffer) -> Result<Option<RecordBatch>> {
        let Some(frame) = Frame::read(rest)? else { return Ok(None) };
        let message = frame.message()?;
        if message.header_type() == MessageHeader::DictionaryBatch {
            return Err(Error::invalid("dictionary-encoded columns are not accepted"));
        }
        let batch = message.header_as_record_batch().ok_or_else(|| Error::invalid("not a record batch"))?;
        check_bounds(&batch, &self.sent, frame.body.len())?;
        let dictionaries = HashMap::new();
        let version = message.version();
        let decoder = RecordBatchDecoder::try_new(&frame.body, batch, self.sent.clone(), &dictionaries, &version);
        let batch = decoder.and_then(RecordBatchDecoder::read_record_batch).map_err(unreadable)?;
        self.normalise(&batch).map(Some)
    }

    /// The batch in the form's own schema: columns in order, absent ones null.
    fn normalise(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.form.columns().iter().zip(&self.places).map(|(column, place)| match place {
            Some(place) => batch.column(*place).clone(),
            None => new_null_array(&column.data_type, batch.num_rows()),
        });
        let columns = columns.collect();
        RecordBatch::try_new(self.form.schema(), columns).map_err(unreadable)
    }
}

/// One encapsulated message: verified metadata and the bytes it describes.
struct Frame {
    metadata: Buffer,
    body: Buffer,
}

impl Frame {
    /// Takes a frame off `rest`; `None` at the end of the stream.
    fn read(rest: &mut Buffer) -> Result<Option<Self>> {
        if take(rest, 4)?.as_slice() != CONTINUATION {
            return Err(Error::invalid("not an Arrow IPC stream"));
        }
        let mut length = [0; 4];
        length.copy_from_slice(&take(rest, 4)?);
        let metadata = take(rest, u32::from_le_bytes(length) as usize)?;
        if metadata.is_empty() {
            return Ok(None);
        }
        // FlatBuffers are read in place and must be aligned; the payload of a message seldom is.
        let metadata = Buffer::from_slice_ref(metadata.as_slice());
        let body =
            ipc::root_as_message(&metadata).map_err(|_| Error::invalid("the metadata of a message is broken"))?;
        let body = usize::try_from(body.bodyLength()).map_err(|_| Error::invalid("a negative body length"))?;
        Ok(Some(Self { body: take(rest, body)?, metadata }))
    }

    fn message(&self) -> Result<Message<'_>> {
        ipc::root_as_message(&self.metadata).map_err(|_| Error::invalid("the metadata of a message is broken"))
    }
}

fn take(rest: &mut Buffer, length: usize) -> Result<Buffer> {
    if length > rest.len() {
        return Err(Error::invalid("the message ends in the middle of an Arrow IPC stream"));
    }
    let taken = rest.slice_with_length(0, length);
    rest.advance(length);
    Ok(taken)
}

/// Everything that Arrow's reader takes on trust.
fn check_bounds(batch: &ipc::RecordBatch<'_>, sent: &Schema, body: usize) -> Result<()> {
    if batch.compression().is_some() {
        return Err(Error::invalid("compressed bodies are not accepted"));
    }
    let rows = batch.length();
    if !(0..=MAX_ROWS as i64).contains(&rows) {
        return Err(Error::invalid(format!("a batch of {rows} rows; at most {MAX_ROWS}")));
    }
    let nodes = batch.nodes().into_iter().flatten();
    if nodes.into_iter().any(|node| node.length() != rows || !(0..=rows).contains(&node.null_count())) {
        return Err(Error::invalid("a column's length differs from its batch's"));
    }
    let mut buffers = batch.buffers().into_iter().flatten();
    for field in sent.fields() {
        let has_offsets = matches!(field.data_type(), DataType::Utf8 | DataType::Binary);
        for part in 0..if has_offsets { 3 } else { 2 } {
            let buffer = buffers.next().ok_or_else(|| Error::invalid("a column's bytes are missing"))?;
            check_buffer(buffer, body, has_offsets && part == 1)?;
        }
    }
    Ok(())
}

/// A buffer lies inside the body, is aligned to 8 bytes as the format demands, and offsets are whole numbers.
fn check_buffer(buffer: &ipc::Buffer, body: usize, offsets: bool) -> Result<()> {
    let extent = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
    let inside = extent.is_some_and(|(offset, length)| offset.checked_add(length).is_some_and(|end| end <= body));
    if !inside {
        return Err(Error::invalid("a column's bytes lie outside the message"));
    }
    if buffer.offset() % 8 != 0 || (offsets && buffer.length() % 4 != 0) {
        return Err(Error::invalid("a column's bytes are not aligned"));
    }
    Ok(())
}

/// Where each column of `form` stands in `sent`; every mistake of the schema in one message.
fn places(form: Form, sent: &Schema) -> Result<Vec<Option<usize>>> {
    let mut mistakes = Vec::new();
    let mut places = vec![None; form.columns().len()];
    for (at, field) in sent.fields().iter().enumerate() {
        match form.columns().iter().position(|column| column.name == field.name()) {
            None => mistakes.push(format!("unknown column `{}`", shown(field.name()))),
            Some(place) if places[place].is_some() => mistakes.push(format!("column `{}` twice", field.name())),
            Some(place) => {
                let wanted = &form.columns()[place].data_type;
                if field.data_type() != wanted {
                    mistakes.push(format!(
                        "column `{}` is {}, not {wanted}",
                        field.name(),
                        shown(&field.data_type().to_string())
                    ));
                }
                places[place] = Some(at);
            }
        }
    }
    let columns = form.columns().iter().zip(&places);
    let missing = columns.filter(|(column, place)| column.required && place.is_none());
    mistakes.extend(missing.map(|(column, _)| format!("column `{}` is missing", column.name)));
    if mistakes.is_empty() {
        return Ok(places);
    }
    mistakes.truncate(8);
    Err(Error::invalid(format!("table `{}`: {}", form.name(), mistakes.join(", "))))
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

fn unreadable(error: ArrowError) -> Error {
    Error::invalid(format!("Arrow cannot read it: {}", error.to_string().chars().take(200).collect::<String>()))
}
