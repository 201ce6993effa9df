//! A column chunk from pages of encoded values: levels, compression, page headers and the chunk's metadata.

use super::bits;
use crate::error::{Result, parquet};
use ::parquet::basic::{Compression, Encoding};
use ::parquet::column::page::{CompressedPage, Page, PageWriter};
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use ::parquet::file::statistics::Statistics;
use ::parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use ::parquet::schema::types::ColumnDescPtr;
use bytes::Bytes;

/// Rows of a page: a sixth of a row group, and what a reader can skip without decoding it.
pub(super) const PAGE_ROWS: usize = 20_480;

/// A chunk that holds no null, page by page.
pub(super) struct Chunk {
    descriptor: ColumnDescPtr,
    compression: Compression,
    bytes: TrackedWrite<Vec<u8>>,
    dictionary: bool,
    first_page: Option<usize>,
    encodings: Vec<Encoding>,
    index: OffsetIndexBuilder,
    rows: usize,
    uncompressed: usize,
}

/// An encoded chunk and what the file says about it.
pub(super) struct Finished {
    pub bytes: Bytes,
    pub close: ColumnCloseResult,
}

impl Chunk {
    /// `compression` is what the file names: zstd or none.
    pub(super) fn new(descriptor: ColumnDescPtr, compression: Compression) -> Self {
        Self {
            descriptor,
            compression,
            bytes: TrackedWrite::new(Vec::new()),
            dictionary: false,
            first_page: None,
            encodings: Vec::new(),
            index: OffsetIndexBuilder::new(),
            rows: 0,
            uncompressed: 0,
        }
    }

    /// The dictionary, plainly encoded; before any page.
    pub(super) fn dictionary(&mut self, zstd: &mut Zstd, values: Vec<u8>, count: usize) -> Result<()> {
        let uncompressed = values.len();
        let buf = match self.compression {
            Compression::UNCOMPRESSED => values,
            _ => zstd.compress(&values)?.to_vec(),
        };
        let encoding = Encoding::PLAIN;
        let page = Page::DictionaryPage { buf: buf.into(), num_values: count as u32, encoding, is_sorted: false };
        self.dictionary = true;
        self.note(encoding);
        self.write(page, uncompressed).map(|_| ())
    }

    /// The values of `rows` rows, of which none is null.
    pub(super) fn page(&mut self, zstd: &mut Zstd, rows: usize, encoding: Encoding, values: &[u8]) -> Result<()> {
        let mut buf = Vec::new();
        if self.descriptor.max_def_level() > 0 {
            // One run says that all values are there.
            bits::push_run(&mut buf, rows, 1, 1);
        }
        let levels = buf.len();
        let smaller = match self.compression {
            Compression::UNCOMPRESSED => None,
            _ => Some(zstd.compress(values)?).filter(|compressed| compressed.len() < values.len()),
        };
        buf.extend_from_slice(smaller.unwrap_or(values));
        let page = Page::DataPageV2 {
            buf: buf.into(),
            num_values: rows as u32,
            encoding,
            num_nulls: 0,
            num_rows: rows as u32,
            def_levels_byte_len: levels as u32,
            rep_levels_byte_len: 0,
            is_compressed: smaller.is_some(),
            statistics: None,
        };
        self.note(encoding);
        let begin = self.bytes.bytes_written();
        let size = self.write(page, levels + values.len())?;
        self.first_page.get_or_insert(begin);
        self.index.append_row_count(rows as i64);
        self.index.append_offset_and_size(begin as i64, size as i32);
        self.rows += rows;
        Ok(())
    }

    /// The whole chunk.
    pub(super) fn finish(self, statistics: Option<Statistics>) -> Result<Finished> {
        let length = self.bytes.bytes_written();
        let mut builder = ColumnChunkMetaData::builder(self.descriptor)
            .set_compression(self.compression)
            .set_encodings(self.encodings)
            .set_total_compressed_size(length as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(self.first_page.unwrap_or(0) as i64)
            .set_dictionary_page_offset(self.dictionary.then_some(0));
        if let Some(statistics) = statistics {
            builder = builder.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: length as u64,
            rows_written: self.rows as u64,
            metadata: builder.build().map_err(parquet("describe a column"))?,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(self.index.build()),
        };
        Ok(Finished { bytes: self.bytes.into_inner().map_err(parquet("finish a column"))?.into(), close })
    }

    fn note(&mut self, encoding: Encoding) {
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
    }

    /// Writes a page behind its header; bytes of both.
    fn write(&mut self, page: Page, uncompressed: usize) -> Result<usize> {
        let written = SerializedPageWriter::new(&mut self.bytes).write_page(CompressedPage::new(page, uncompressed));
        let written = written.map_err(parquet("write a page"))?;
        self.uncompressed += written.uncompressed_size;
        Ok(written.compressed_size)
    }
}

/// A compressor and its memory, for many pages.
pub(super) struct Zstd {
    compressor: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
}

impl Zstd {
    pub(super) fn new(level: i32) -> Result<Self> {
        let compressor = zstd::bulk::Compressor::new(level).map_err(unable)?;
        Ok(Self { compressor, buffer: Vec::new() })
    }

    /// One frame.
    fn compress(&mut self, bytes: &[u8]) -> Result<&[u8]> {
        let bound = zstd::zstd_safe::compress_bound(bytes.len());
        self.buffer.resize(bound.max(self.buffer.len()), 0);
        let length = self.compressor.compress_to_buffer(bytes, self.buffer.as_mut_slice()).map_err(unable)?;
        Ok(&self.buffer[..length])
    }
}

fn unable(error: std::io::Error) -> crate::Error {
    parquet("compress a page")(::parquet::errors::ParquetError::External(Box::new(error)))
}
