//! Little-endian values, written and read one after the other. Reading never panics.

use super::threat::{CAP, Due};
use crate::error::WorldError;
use crate::map::{Cell, Map};

#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    pub fn cell(&mut self, cell: Cell) {
        self.bytes(&[cell.x, cell.y]);
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], WorldError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WorldError::Corrupt("too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WorldError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(WorldError::Corrupt("too short"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self) -> Result<u8, WorldError> {
        self.array().map(u8::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, WorldError> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, WorldError> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn f64(&mut self) -> Result<f64, WorldError> {
        self.u64().map(f64::from_bits)
    }

    /// A number of things that follow, at most `most`.
    pub fn count(&mut self, most: usize) -> Result<usize, WorldError> {
        let count = self.u32()? as usize;
        if count <= most { Ok(count) } else { Err(WorldError::Corrupt("a list is too long")) }
    }

    /// A free cell.
    pub fn cell(&mut self, map: &Map) -> Result<Cell, WorldError> {
        let cell = Cell { x: self.u8()?, y: self.u8()? };
        let free = map.is_free(cell.x.into(), cell.y.into());
        if free { Ok(cell) } else { Err(WorldError::Corrupt("something stands where nothing can stand")) }
    }

    /// An entry of the schedule, at most a hundred steps ahead.
    pub fn due(&mut self, map: &Map, now: u32) -> Result<Due, WorldError> {
        let due = Due { at: self.u32()?, cell: self.cell(map)?, radius: self.u8()? };
        let soon = due.at > now && due.at - now <= CAP as u32;
        if soon && due.radius <= 3 { Ok(due) } else { Err(WorldError::Corrupt("a schedule is out of range")) }
    }
}

/// 64-bit FNV-1a: finds damage, not forgery.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Refuses what cannot have been saved.
pub(crate) fn ensure(good: bool, message: &'static str) -> Result<(), WorldError> {
    if good { Ok(()) } else { Err(WorldError::Corrupt(message)) }
}
