//! Box sums of the threat, kept ready for observations.
//!
//! The gain S(c) is the sum of the threat within Chebyshev distance 2 of c. Between events every cell's threat is a straight
//! line of time, hence so is S(c): one word per cell holds `intercept << 16 | flags << 8 | slope` with
//! S(c, t) = (intercept + slope · t) mod 2^16, exact because S ≤ 2500. Growth costs nothing; an event adds the box sum of
//! its changes to the words around, and because the word is linear that is plain addition. The words are kept in two
//! planes, by rows and by columns, so that a robot with any heading reads its surroundings row by row.

use super::square::ROW;
use super::threat::{BLOCKED, CAP, SATURATED};
use crate::map::Cell;
use crate::simd::Simd;

/// Cells of padding around the grid; they count as blocked.
pub(crate) const PAD: usize = 5;
/// Width of the largest patch that changes at once: a patrol with radius 3.
pub(crate) const MAX_PATCH: usize = 7;
/// Bit of a word: nothing can stand here.
pub(crate) const FLAG_BLOCKED: u32 = 1 << 8;
/// Bit of a word: a suspicious object lies here.
pub(crate) const FLAG_OBJECT: u32 = 1 << 9;
/// Radius of the box.
pub(crate) const BOX: usize = 2;
/// Words that are read or added at once; planes have as many behind their last row.
pub(crate) const LANES: usize = 16;

/// Words of all cells, by rows and by columns.
#[derive(Clone, Debug)]
pub(crate) struct GainMap {
    pub width: usize,
    pub height: usize,
    /// Row-major with x along a row.
    pub by_rows: Plane,
    /// Row-major with y along a row.
    pub by_columns: Plane,
    /// Per padded row 128 bits: where nothing can stand.
    pub blocked: Vec<u64>,
    /// What changes next; kept, because around the changes it is always 0.
    pub patch: Patch,
    pub simd: Simd,
}

/// One padded layout of the words.
#[derive(Clone, Debug)]
pub(crate) struct Plane {
    pub stride: usize,
    pub words: Vec<u32>,
}

/// Rows of a patch with room for its box sums on both sides.
type PatchRows = [[u32; LANES + 2 * ROW / 2]; MAX_PATCH];

/// Changes of the lines of a square of cells, rows and columns counted from its north-west corner.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    by_rows: PatchRows,
    by_columns: PatchRows,
}

impl Default for Patch {
    #[inline(always)]
    fn default() -> Self {
        Self { by_rows: [[0; _]; MAX_PATCH], by_columns: [[0; _]; MAX_PATCH] }
    }
}

impl Patch {
    /// Sets this row and all after it to 0.
    #[inline(always)]
    pub fn end_at(&mut self, row: usize) {
        for row in row..MAX_PATCH {
            self.set_row(row, &[0; ROW]);
        }
    }

    /// Sets the first columns of a row; what is beyond the square must be 0.
    #[inline(always)]
    pub fn set_row(&mut self, row: usize, changes: &[u32; ROW]) {
        self.by_rows[row][2 * BOX..2 * BOX + ROW].copy_from_slice(changes);
        for (column, change) in changes.iter().enumerate().take(MAX_PATCH) {
            self.by_columns[column][row + 2 * BOX] = *change;
        }
    }
}

/// The line of one cell's threat, from its origin.
#[inline]
pub(crate) fn line(origin: i32) -> u32 {
    match origin {
        SATURATED => (CAP as u32) << 16,
        BLOCKED => 0,
        _ => ((origin.wrapping_neg() as u32) << 16) + 1,
    }
}

/// S in hundredths from its word at step `now`.
#[inline(always)]
pub(crate) fn gain_at(word: u32, now: u32) -> u32 {
    word.wrapping_add((word & 0xff).wrapping_mul(now << 16)) >> 16
}

impl GainMap {
    pub fn new(width: usize, height: usize, origin: &[i32]) -> Self {
        let by_rows = Plane::new(width, height);
        let by_columns = Plane::new(height, width);
        let blocked = vec![u64::MAX; 2 * (height + 2 * PAD)];
        let mut gain =
            Self { width, height, by_rows, by_columns, blocked, patch: Patch::default(), simd: Simd::detect() };
        for (index, _) in origin.iter().enumerate().take(width * height).filter(|(_, origin)| **origin != BLOCKED) {
            let bit = 128 * (index / width + PAD) + index % width + PAD;
            gain.blocked[bit / 64] ^= 1 << (bit % 64);
        }
        gain.rebuild(origin);
        gain
    }

    /// Computes all lines anew, also of the cells just outside, which have gain too; objects keep their flags.
    pub fn rebuild(&mut self, origin: &[i32]) {
        let along = self.sums_along_rows(origin);
        let wide = self.width + 2 * BOX;
        for row in 0..self.height + 2 * BOX {
            let near = row.saturating_sub(2 * BOX)..(row + 1).min(self.height);
            for column in 0..wide {
                let (x, y) = (column.wrapping_sub(BOX), row.wrapping_sub(BOX));
                let free = x < self.width && y < self.height && origin[y * self.width + x] != BLOCKED;
                let (column_word, row_word) = (column + PAD - BOX, row + PAD - BOX);
                let object = self.by_rows.words[row_word * self.by_rows.stride + column_word] & FLAG_OBJECT;
                let flags = object | if free { 0 } else { FLAG_BLOCKED };
                let sum = near.clone().fold(flags, |sum, y| sum.wrapping_add(along[y * wide + column]));
                self.set(column_word, row_word, sum);
            }
        }
    }

    /// Sums of the lines of five cells in a row, for every row of the grid and every centre from −2 to W + 1.
    fn sums_along_rows(&self, origin: &[i32]) -> Vec<u32> {
        let wide = self.width + 2 * BOX;
        let mut along = vec![0u32; wide * self.height];
        for (index, origin) in origin.iter().enumerate().take(self.width * self.height) {
            let first = index / self.width * wide + index % self.width;
            for sum in &mut along[first..=first + 2 * BOX] {
                *sum = sum.wrapping_add(line(*origin));
            }
        }
        along
    }

    /// Marks or unmarks an object.
    pub fn set_object(&mut self, cell: Cell, present: bool) {
        let (column, row) = (usize::from(cell.x) + PAD, usize::from(cell.y) + PAD);
        let word = self.by_rows.words[row * self.by_rows.stride + column] & !FLAG_OBJECT;
        self.set(column, row, word | if present { FLAG_OBJECT } else { 0 });
    }

    /// Adds the patch, whose centre is `cell` and that reaches `radius` cells, clipped to the grid.
    #[inline]
    pub fn add(&mut self, cell: Cell, radius: usize) {
        let patch = &self.patch;
        let left = usize::from(cell.x).saturating_sub(radius);
        let top = usize::from(cell.y).saturating_sub(radius);
        let size = (usize::from(cell.y) + radius + 1).min(self.height) - top;
        self.simd.run(AddPatch { plane: &mut self.by_rows, changes: &patch.by_rows, left, top, size });
        let size = (usize::from(cell.x) + radius + 1).min(self.width) - left;
        self.simd.run(AddPatch { plane: &mut self.by_columns, changes: &patch.by_columns, left: top, top: left, size });
    }

    /// Adds the change of the line of one cell.
    pub fn add_to(&mut self, cell: Cell, change: u32) {
        let (x, y) = (usize::from(cell.x), usize::from(cell.y));
        for (plane, left, top) in [(&mut self.by_rows, x, y), (&mut self.by_columns, y, x)] {
            let first = (top + PAD - BOX) * plane.stride + left + PAD - BOX;
            for row in plane.words[first..].chunks_mut(plane.stride).take(2 * BOX + 1) {
                row[..=2 * BOX].iter_mut().for_each(|word| *word = word.wrapping_add(change));
            }
        }
    }

    /// Writes the word of a cell, given where it is with the padding.
    fn set(&mut self, column: usize, row: usize, word: u32) {
        self.by_rows.words[row * self.by_rows.stride + column] = word;
        self.by_columns.words[column * self.by_columns.stride + row] = word;
    }
}

impl Plane {
    fn new(width: usize, height: usize) -> Self {
        let stride = (width + 2 * PAD).next_multiple_of(8);
        Self { stride, words: vec![FLAG_BLOCKED; stride * (height + 2 * PAD) + LANES] }
    }
}

struct AddPatch<'a> {
    plane: &'a mut Plane,
    changes: &'a PatchRows,
    left: usize,
    top: usize,
    size: usize,
}

impl crate::simd::Kernel for AddPatch<'_> {
    type Output = ();

    /// Adds the 5×5 box sum of the changes: first along rows, then a running sum down the columns.
    #[inline(always)]
    fn run(self) {
        let Self { plane, changes, left, top, size } = self;
        let mut along = [[0u32; LANES]; MAX_PATCH];
        for (sums, row) in along.iter_mut().zip(changes).take(size) {
            for shift in 0..=2 * BOX {
                for lane in 0..LANES {
                    sums[lane] = sums[lane].wrapping_add(row[lane + shift]);
                }
            }
        }
        let mut running = [0u32; LANES];
        let first = (top + PAD - BOX) * plane.stride + left + PAD - BOX;
        for row in 0..size + 2 * BOX {
            if row < size {
                for (sum, change) in running.iter_mut().zip(&along[row]) {
                    *sum = sum.wrapping_add(*change);
                }
            }
            if row > 2 * BOX {
                for (sum, change) in running.iter_mut().zip(&along[row - 2 * BOX - 1]) {
                    *sum = sum.wrapping_sub(*change);
                }
            }
            let start = first + row * plane.stride;
            for (word, change) in plane.words[start..start + LANES].iter_mut().zip(&running) {
                *word = word.wrapping_add(*change);
            }
        }
    }
}
