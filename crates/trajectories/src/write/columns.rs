//! Columns of `steps` straight into pages.
//!
//! A general writer asks of every value whether it is null and hashes it into a dictionary. Columns without nulls whose
//! values are known to be few, small or noise need neither: numbers of a byte are their own places in a dictionary that
//! counts from 0, and columns that change seldom are runs.

use super::bits;
use super::chunk::{Chunk, Finished, PAGE_ROWS, Zstd};
use super::dictionary::{self, Dictionary};
use super::encoding::Layout;
use crate::error::Result;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Float32Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use parquet::basic::{Compression, Encoding};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

/// One column of a row group.
pub(super) struct Column<'a> {
    pub descriptor: ColumnDescPtr,
    pub compression: Compression,
    pub values: &'a ArrayRef,
}

impl Column<'_> {
    /// Encodes the column as `layout` says; `None` when its values are not of that kind, which the general writer takes.
    pub(super) fn encode(&self, layout: Layout, zstd: &mut Zstd) -> Result<Option<Finished>> {
        if self.values.null_count() > 0 || self.values.is_empty() {
            return Ok(None);
        }
        match layout {
            Layout::General => Ok(None),
            Layout::Small => self.small(zstd),
            Layout::Runs => self.runs(zstd),
            Layout::Few => self.few(zstd),
            Layout::Split => self.split(zstd).map(Some),
            Layout::Plain => self.plain(zstd).map(Some),
            Layout::Flags => self.flags(zstd),
        }
    }

    fn chunk(&self) -> Chunk {
        Chunk::new(self.descriptor.clone(), self.compression)
    }

    /// Whole numbers below 256, each its own place in a dictionary.
    fn small(&self, zstd: &mut Zstd) -> Result<Option<Finished>> {
        let places: Vec<u16> = match (numbers::<UInt8Type>(self.values), numbers::<UInt16Type>(self.values)) {
            (Some(bytes), _) => bytes.iter().map(|byte| u16::from(*byte)).collect(),
            (_, Some(words)) => words.to_vec(),
            _ => return Ok(None),
        };
        let (least, greatest) = places.iter().fold((u16::MAX, 0), |(a, b), value| (a.min(*value), b.max(*value)));
        if greatest > u16::from(u8::MAX) {
            return Ok(None);
        }
        let dictionary = (0..=greatest).flat_map(|value| u32::from(value).to_le_bytes()).collect();
        let statistics = Statistics::int32(Some(i32::from(least)), Some(i32::from(greatest)), None, Some(0), false);
        let dictionary = Dictionary { values: dictionary, count: usize::from(greatest) + 1 };
        self.with_dictionary(zstd, dictionary, &places, Some(statistics)).map(Some)
    }

    /// Numbers that stay the same for many rows.
    fn runs(&self, zstd: &mut Zstd) -> Result<Option<Finished>> {
        let runs = match (numbers::<UInt32Type>(self.values), numbers::<UInt64Type>(self.values)) {
            (Some(numbers), _) => dictionary::runs(numbers),
            (_, Some(numbers)) => dictionary::runs(numbers),
            _ => None,
        };
        let Some((dictionary, runs, (least, greatest))) = runs else { return Ok(None) };
        let statistics = match self.values.data_type() {
            arrow::datatypes::DataType::UInt32 => {
                Statistics::int32(Some(least as i32), Some(greatest as i32), None, Some(0), false)
            }
            _ => Statistics::int64(Some(least as i64), Some(greatest as i64), None, Some(0), false),
        };
        let mut chunk = self.chunk();
        let width = bits::width((dictionary.count - 1) as u16);
        chunk.dictionary(zstd, dictionary.values, dictionary.count)?;
        let mut runs = runs.into_iter();
        let mut run = runs.next();
        let mut page = Vec::new();
        for rows in pages(self.values.len()) {
            page.clear();
            page.push(width);
            let mut room = rows.len();
            while let Some((place, length)) = run.as_mut().filter(|_| room > 0) {
                let taken = room.min(*length);
                bits::push_run(&mut page, taken, *place, width);
                (room, *length) = (room - taken, *length - taken);
                if *length == 0 {
                    run = runs.next();
                }
            }
            chunk.page(zstd, rows.len(), Encoding::RLE_DICTIONARY, &page)?;
        }
        chunk.finish(Some(statistics)).map(Some)
    }

    /// Real numbers of which there are few different ones, by their bits; otherwise as [`Layout::Split`].
    fn few(&self, zstd: &mut Zstd) -> Result<Option<Finished>> {
        let Some(numbers) = numbers::<Float32Type>(self.values) else { return Ok(None) };
        match dictionary::places(numbers) {
            Some((dictionary, places)) => self.with_dictionary(zstd, dictionary, &places, None).map(Some),
            None => self.split(zstd).map(Some),
        }
    }

    fn with_dictionary(
        &self,
        zstd: &mut Zstd,
        dictionary: Dictionary,
        places: &[u16],
        statistics: Option<Statistics>,
    ) -> Result<Finished> {
        let mut chunk = self.chunk();
        let width = bits::width((dictionary.count - 1) as u16);
        chunk.dictionary(zstd, dictionary.values, dictionary.count)?;
        let mut page = Vec::new();
        for places in places.chunks(PAGE_ROWS) {
            page.clear();
            page.push(width);
            bits::push_hybrid(&mut page, places, width);
            chunk.page(zstd, places.len(), Encoding::RLE_DICTIONARY, &page)?;
        }
        chunk.finish(statistics)
    }

    /// Numbers of four bytes: all first bytes, then all second ones, …: what changes slowly stands together.
    fn split(&self, zstd: &mut Zstd) -> Result<Finished> {
        let mut chunk = self.chunk();
        let bytes = bytes(self.values);
        let mut page = Vec::new();
        for values in bytes.chunks(PAGE_ROWS * 4) {
            let (values, _) = values.as_chunks::<4>();
            page.clear();
            for byte in 0..4 {
                page.extend(values.iter().map(|value| value[byte]));
            }
            chunk.page(zstd, values.len(), Encoding::BYTE_STREAM_SPLIT, &page)?;
        }
        chunk.finish(None)
    }

    fn plain(&self, zstd: &mut Zstd) -> Result<Finished> {
        let mut chunk = self.chunk();
        let bytes = bytes(self.values);
        let size = bytes.len() / self.values.len();
        for values in bytes.chunks(PAGE_ROWS * size) {
            chunk.page(zstd, values.len() / size, Encoding::PLAIN, values)?;
        }
        chunk.finish(None)
    }

    fn flags(&self, zstd: &mut Zstd) -> Result<Option<Finished>> {
        let Some(flags) = self.values.as_any().downcast_ref::<BooleanArray>() else { return Ok(None) };
        let mut chunk = self.chunk();
        let mut page = Vec::new();
        for rows in pages(flags.len()) {
            // The length of the levels, which stands before them.
            page.clear();
            page.extend_from_slice(&[0; 4]);
            push_flags(&mut page, &flags.values().slice(rows.start, rows.len()));
            let length = (page.len() - 4) as u32;
            page[..4].copy_from_slice(&length.to_le_bytes());
            chunk.page(zstd, rows.len(), Encoding::RLE, &page)?;
        }
        chunk.finish(None).map(Some)
    }
}

fn push_flags(page: &mut Vec<u8>, flags: &BooleanBuffer) {
    match flags.count_set_bits() {
        0 => bits::push_run(page, flags.len(), 0, 1),
        all if all == flags.len() => bits::push_run(page, flags.len(), 1, 1),
        _ => {
            // `sliced` moves the bits to the start of a byte and clears those behind the last one's byte.
            let packed = flags.sliced();
            bits::push_flags(page, flags.len(), &packed.as_slice()[..flags.len().div_ceil(8)]);
        }
    }
}

fn pages(rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..rows).step_by(PAGE_ROWS).map(move |start| start..rows.min(start + PAGE_ROWS))
}

fn numbers<P: ArrowPrimitiveType>(values: &ArrayRef) -> Option<&[P::Native]> {
    values.as_primitive_opt::<P>().map(|array| &array.values()[..])
}

/// The bytes of an array of numbers.
fn bytes(values: &ArrayRef) -> Vec<u8> {
    let data = values.to_data();
    let size = data.data_type().primitive_width().unwrap_or(1);
    let from = data.offset() * size;
    data.buffers().first().map_or(&[][..], |buffer| &buffer.as_slice()[from..from + data.len() * size]).to_vec()
}
