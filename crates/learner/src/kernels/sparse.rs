//! Matrix products that leave out terms of zeros: most of what robots observe is 0.
//!
//! A term with a factor 0 leaves its sum as it is, so what is said in [`super::gemm`] holds here too: an element is one
//! chain of fused multiply-adds in index order, whichever terms are left out. There are two exceptions. A term of +0
//! would turn a sum of −0 into +0, so −0 is stored as +0. And a term of 0 times a weight that is not finite would be
//! NaN, but only where it is not left out.
use std::mem::MaybeUninit;

use super::aligned::LINE;
use super::gemm::{BLOCK, Finish, Inputs, Rows, finished, with_rows};
use super::lanes::Lanes;

/// Columns that a matrix may have here.
pub const MOST_COLUMNS: usize = 4096;

/// Rows of a gradient that are worked on at a time, so that they stay in the first-level cache: 32 KiB with 64 outputs.
const PANEL: usize = 128;

/// Weights are asked for so many terms ahead: where terms are left out, the processor does not see where they go.
const AHEAD: usize = 8;

/// While so many terms are added, one line of each of the next rows is asked for.
const TERMS_PER_LINE: usize = 8;

/// Asks for what lies there to be brought to the first-level cache, on processors that can be asked; any address will do.
#[inline(always)]
fn prefetch(from: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}

/// The places of the bits that are set in a byte, in order.
static PLACES: [[u16; 8]; 256] = {
    let mut places = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut count) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                places[byte][count] = bit;
                count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    places
};

/// The columns in which not all of some rows are 0, in order.
struct Terms {
    /// With room for a step of eight columns at the end.
    columns: [MaybeUninit<u16>; MOST_COLUMNS + 8],
    count: usize,
}

impl Terms {
    fn new() -> Self {
        Self { columns: [MaybeUninit::uninit(); MOST_COLUMNS + 8], count: 0 }
    }

    /// Looks through the columns `from..to` of these rows.
    ///
    /// # Safety
    /// Every row must have `to` columns, `to` at most [`MOST_COLUMNS`]; the processor must have `L`'s instructions.
    #[inline(always)]
    unsafe fn find<L: Lanes, const R: usize>(&mut self, rows: [*const f32; R], from: usize, to: usize) {
        let (mut count, mut column) = (0, from);
        // SAFETY: the caller's promise; fewer columns than MOST_COLUMNS are found before a step.
        unsafe {
            while column + L::WIDTH <= to {
                let mut bits = L::load(rows[0].add(column));
                for row in &rows[1..] {
                    bits = L::or(bits, L::load(row.add(column)));
                }
                let nonzero = L::nonzero(bits);
                for first in (0..L::WIDTH).step_by(8) {
                    count = self.append(count, column + first, (nonzero >> first) as u8);
                }
                column += L::WIDTH;
            }
            while column < to {
                let nonzero = rows.iter().any(|row| (*row.add(column)).to_bits() != 0);
                count = self.append(count, column, u8::from(nonzero));
                column += 1;
            }
            // What is asked for ahead of the last terms.
            self.append(count, 0, 0);
        }
        self.count = count;
    }

    /// Appends the columns `first + bit` for the bits that are set, after `count` others; how many there are then.
    ///
    /// # Safety
    /// `count` must be at most [`MOST_COLUMNS`].
    #[inline(always)]
    unsafe fn append(&mut self, count: usize, first: usize, bits: u8) -> usize {
        let columns = PLACES[usize::from(bits)].map(|place| MaybeUninit::new(first as u16 + place));
        // SAFETY: there is room for eight.
        unsafe { self.columns.as_mut_ptr().add(count).cast::<[MaybeUninit<u16>; 8]>().write_unaligned(columns) };
        count + bits.count_ones() as usize
    }

    /// The column of a term, or any column for the first [`AHEAD`] places after the last.
    ///
    /// # Safety
    /// Columns must have been looked through, and `term` must be below `count` + [`AHEAD`].
    #[inline(always)]
    unsafe fn column(&self, term: usize) -> usize {
        // SAFETY: `find` wrote all of them.
        usize::from(unsafe { self.columns.get_unchecked(term).assume_init() })
    }
}

/// [`super::gemm::affine`] without the terms in which all rows that are computed together are 0.
///
/// # Safety
/// As there, with at most [`MOST_COLUMNS`] columns.
#[inline(always)]
pub unsafe fn affine<L: Lanes, const VECTORS: usize>(
    x: Rows,
    weights: &[f32],
    bias: Option<&[f32]>,
    finish: Finish,
    out: &mut [f32],
    outputs: usize,
) {
    let mut terms = Terms::new();
    let mut row = 0;
    while row < x.rows() {
        let left = x.rows() - row;
        let mut tile = Affine { x, weights, bias, finish, out, outputs, row, terms: &mut terms };
        // SAFETY: rows row..row+n exist, and the lengths fit by the caller's checks.
        unsafe { with_rows!(left, ROWS => tile.compute::<L, ROWS, VECTORS>()) }
        row += left.min(BLOCK);
    }
}

/// [`super::gemm::outer`] without the terms in which all rows that are added together are 0.
///
/// # Safety
/// As there, with at most [`MOST_COLUMNS`] columns.
#[inline(always)]
pub unsafe fn outer<L: Lanes, const VECTORS: usize>(x: Rows, delta: &[f32], gradient: &mut [f32], outputs: usize) {
    let mut terms = Terms::new();
    let inner = gradient.len() / outputs;
    for from in (0..inner).step_by(PANEL) {
        let panel = from..inner.min(from + PANEL);
        let mut row = 0;
        while row < x.rows() {
            let left = x.rows() - row;
            let mut tile = Outer { x, delta, gradient, outputs, row, terms: &mut terms };
            // SAFETY: as above.
            unsafe { with_rows!(left, ROWS => tile.add::<L, ROWS, VECTORS>(panel.clone())) }
            row += left.min(BLOCK);
        }
    }
}

/// Some rows of an affine product, from `row` on.
struct Affine<'a> {
    x: Rows<'a>,
    weights: &'a [f32],
    bias: Option<&'a [f32]>,
    finish: Finish<'a>,
    out: &'a mut [f32],
    outputs: usize,
    row: usize,
    terms: &'a mut Terms,
}

impl Affine<'_> {
    #[inline(always)]
    unsafe fn compute<L: Lanes, const R: usize, const V: usize>(&mut self) {
        // SAFETY: every pointer stays within its slice by the caller's checks.
        unsafe {
            let inner = self.weights.len() / self.outputs;
            let rows: [*const f32; R] = std::array::from_fn(|r| self.x.row(self.row + r));
            let next = self.row + R;
            let next: [*const f32; R] = std::array::from_fn(|r| self.x.row((next + r).min(self.x.rows() - 1)));
            self.terms.find::<L, R>(rows, 0, inner);
            let mut column = 0;
            while column < self.outputs {
                let start: [L::Register; V] = std::array::from_fn(|v| match self.bias {
                    Some(bias) => L::load(bias.as_ptr().add(column + v * L::WIDTH)),
                    None => L::splat(0.0),
                });
                let mut sums = [start; R];
                let weights = self.weights.as_ptr().add(column);
                let (mut term, mut asked) = (0, 0);
                while term < self.terms.count {
                    if asked < inner && column == 0 {
                        next.iter().for_each(|row| prefetch(row.wrapping_add(asked)));
                        asked += LINE;
                    }
                    for term in term..self.terms.count.min(term + TERMS_PER_LINE) {
                        let ahead = weights.add(self.terms.column(term + AHEAD) * self.outputs);
                        (0..V * L::WIDTH).step_by(LINE).for_each(|at| prefetch(ahead.wrapping_add(at)));
                        let k = self.terms.column(term);
                        let weight = weights.add(k * self.outputs);
                        let line: [L::Register; V] = std::array::from_fn(|v| L::load(weight.add(v * L::WIDTH)));
                        for (sums, row) in sums.iter_mut().zip(rows) {
                            let input = L::splat(*row.add(k));
                            for v in 0..V {
                                sums[v] = L::fused(input, line[v], sums[v]);
                            }
                        }
                    }
                    term += TERMS_PER_LINE;
                }
                for (r, sums) in sums.iter().enumerate() {
                    for (v, &sum) in sums.iter().enumerate() {
                        let at = (self.row + r) * self.outputs + column + v * L::WIDTH;
                        let sum = L::add(sum, L::splat(0.0));
                        L::store(self.out.as_mut_ptr().add(at), finished::<L>(self.finish, at, sum));
                    }
                }
                column += V * L::WIDTH;
            }
        }
    }
}

/// Some rows whose outer products are added to a gradient, from `row` on.
struct Outer<'a> {
    x: Rows<'a>,
    delta: &'a [f32],
    gradient: &'a mut [f32],
    outputs: usize,
    row: usize,
    terms: &'a mut Terms,
}

impl Outer<'_> {
    /// Adds to the rows `panel` of the gradient.
    #[inline(always)]
    unsafe fn add<L: Lanes, const R: usize, const V: usize>(&mut self, panel: std::ops::Range<usize>) {
        // SAFETY: every pointer stays within its slice by the caller's checks.
        unsafe {
            let rows: [*const f32; R] = std::array::from_fn(|r| self.x.row(self.row + r));
            self.terms.find::<L, R>(rows, panel.start, panel.end);
            let mut column = 0;
            while column < self.outputs {
                let deltas = self.delta.as_ptr().add(self.row * self.outputs + column);
                let deltas: [[L::Register; V]; R] = std::array::from_fn(|r| {
                    std::array::from_fn(|v| L::load(deltas.add(r * self.outputs + v * L::WIDTH)))
                });
                let gradient = self.gradient.as_mut_ptr().add(column);
                for term in 0..self.terms.count {
                    let k = self.terms.column(term);
                    let target = gradient.add(k * self.outputs);
                    let mut sums: [L::Register; V] = std::array::from_fn(|v| L::load(target.add(v * L::WIDTH)));
                    for (deltas, row) in deltas.iter().zip(rows) {
                        let input = L::splat(*row.add(k));
                        for v in 0..V {
                            sums[v] = L::fused(input, deltas[v], sums[v]);
                        }
                    }
                    for (v, &sum) in sums.iter().enumerate() {
                        L::store(target.add(v * L::WIDTH), sum);
                    }
                }
                column += V * L::WIDTH;
            }
        }
    }
}
