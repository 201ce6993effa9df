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
const BOX: usize = 2;
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
    #[inline(always)]
    pub fn set(&mut self, row: usize, column: usize, change: u32) {
        self.by_rows[row][column + 2 * BOX] = change;
        self.by_columns[column][row + 2 * BOX] = change;
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
    word.wrapping_add(((word & 0xff).wrapping_mul(now)) << 16) >> 16
}

impl GainMap {
    pub fn new(width: usize, height: usize, origin: &[i32]) -> Self {
        let by_rows = Plane::new(width, height);
        let by_columns = Plane::new(height, width);
        let mut gain = Self { width, height, by_rows, by_columns, simd: Simd::detect() };
        gain.rebuild(origin);
        gain
    }

    /// Computes all lines anew; objects keep their flags.
    pub fn rebuild(&mut self, origin: &[i32]) {
        for (index, origin_here) in origin.iter().enumerate().take(self.width * self.height) {
            let (x, y) = (index % self.width, index / self.width);
            let mut word = if *origin_here == BLOCKED { FLAG_BLOCKED } else { 0 };
            word |= self.by_rows.words[self.by_rows.index(x, y)] & FLAG_OBJECT;
            for near_y in y.saturating_sub(BOX)..(y + BOX + 1).min(self.height) {
                for near_x in x.saturating_sub(BOX)..(x + BOX + 1).min(self.width) {
                    word = word.wrapping_add(line(origin[near_y * self.width + near_x]));
                }
            }
            self.set(x, y, word);
        }
        self.rebuild_rim(origin);
    }

    /// Marks or unmarks an object.
    pub fn set_object(&mut self, cell: Cell, present: bool) {
        let (x, y) = (usize::from(cell.x), usize::from(cell.y));
        let word = self.by_rows.words[self.by_rows.index(x, y)] & !FLAG_OBJECT;
        self.set(x, y, word | if present { FLAG_OBJECT } else { 0 });
    }

    /// Adds a patch whose centre is `cell` and that reaches `radius` cells, clipped to the grid.
    #[inline]
    pub fn add(&mut self, cell: Cell, radius: usize, patch: &Patch) {
        let left = usize::from(cell.x).saturating_sub(radius);
        let top = usize::from(cell.y).saturating_sub(radius);
        let size = (usize::from(cell.y) + radius + 1).min(self.height) - top;
        self.simd.run(AddPatch { plane: &mut self.by_rows, changes: &patch.by_rows, left, top, size });
        let size = (usize::from(cell.x) + radius + 1).min(self.width) - left;
        self.simd.run(AddPatch { plane: &mut self.by_columns, changes: &patch.by_columns, left: top, top: left, size });
    }

    fn set(&mut self, x: usize, y: usize, word: u32) {
        let (row_index, column_index) = (self.by_rows.index(x, y), self.by_columns.index(y, x));
        self.by_rows.words[row_index] = word;
        self.by_columns.words[column_index] = word;
    }

    /// Cells just outside have gain too; they are written once per rebuild.
    fn rebuild_rim(&mut self, origin: &[i32]) {
        let reach = BOX as isize;
        let (width, height) = (self.width as isize, self.height as isize);
        for y in -reach..height + reach {
            for x in -reach..width + reach {
                if (0..width).contains(&x) && (0..height).contains(&y) {
                    continue;
                }
                let mut word = FLAG_BLOCKED;
                for near_y in (y - reach).max(0)..(y + reach + 1).min(height) {
                    for near_x in (x - reach).max(0)..(x + reach + 1).min(width) {
                        word = word.wrapping_add(line(origin[(near_y * width + near_x) as usize]));
                    }
                }
                let (row, column) = (y + PAD as isize, x + PAD as isize);
                self.by_rows.words[row as usize * self.by_rows.stride + column as usize] = word;
                self.by_columns.words[column as usize * self.by_columns.stride + row as usize] = word;
            }
        }
    }
}

impl Plane {
    fn new(width: usize, height: usize) -> Self {
        let stride = (width + 2 * PAD).next_multiple_of(8);
        Self { stride, words: vec![FLAG_BLOCKED; stride * (height + 2 * PAD) + LANES] }
    }

    /// Index of a cell's word.
    #[inline(always)]
    pub fn index(&self, along: usize, across: usize) -> usize {
        (across + PAD) * self.stride + along + PAD
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
