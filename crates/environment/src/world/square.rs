//! Squares of cells that change together: what a patrol clears, and what reaches the cap a hundred steps later.
//!
//! Rows are handled eight cells at a time without branches; cells beyond the square's columns are left as they are.

use super::gain::{MAX_PATCH, Patch, line};
use super::threat::{BLOCKED, CAP, NEVER, SATURATED};
use crate::map::Cell;
use crate::simd::Kernel;

/// Cells handled at once, at least as many as the widest square has columns.
pub(crate) const ROW: usize = 8;
const _: () = assert!(ROW >= MAX_PATCH);

/// The cells within `radius` of a centre, clipped to the grid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Square {
    /// Index of the north-west cell.
    first: usize,
    /// Cells from one row of the grid to the next.
    stride: usize,
    rows: usize,
    columns: usize,
}

impl Square {
    #[inline]
    pub fn new(width: usize, height: usize, centre: Cell, radius: usize) -> Self {
        let (x, y) = (usize::from(centre.x), usize::from(centre.y));
        let (left, top) = (x.saturating_sub(radius), y.saturating_sub(radius));
        Self {
            first: top * width + left,
            stride: width,
            rows: (y + radius + 1).min(height) - top,
            columns: (x + radius + 1).min(width) - left,
        }
    }
}

/// What a patrol cleared; threat in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cleared {
    pub cells: u32,
    pub threat: u32,
    /// The part of the threat that grew by time since the last clearing.
    pub growth: u32,
    /// Sum and maximum of the steps since the last clearing.
    pub idleness: u32,
    pub worst_idleness: u32,
    /// Cells that were at the cap.
    pub saturated: u32,
    /// Cells that were never cleared before.
    pub first_time: u32,
}

/// Sets the threat of a square to zero and notes the change of its lines.
pub(crate) struct Clear<'a> {
    pub square: Square,
    pub now: i32,
    pub origin: &'a mut [i32],
    pub cleared_at: &'a mut [u32],
    pub patch: Option<&'a mut Patch>,
}

impl Kernel for Clear<'_> {
    type Output = Cleared;

    #[inline(always)]
    fn run(self) -> Cleared {
        let Self { square, now, origin, cleared_at, mut patch } = self;
        let mut sums = [[0u32; ROW]; 7];
        for row in 0..square.rows {
            let start = square.first + row * square.stride;
            let (before, last) = (row_at(origin, start), row_at(cleared_at, start));
            let (mut after, mut cleared, mut changes) = (before, last, [0u32; ROW]);
            for lane in 0..ROW {
                let level = if lane < square.columns { (now - before[lane]).clamp(0, CAP) as u32 } else { 0 };
                let hit = level > 0;
                let saturated = hit & (before[lane] == SATURATED);
                let idle = if hit { now as u32 - last[lane] } else { 0 };
                let intercept = if saturated { CAP as u32 } else { (before[lane] as u32).wrapping_neg() };
                let change = (now as u32).wrapping_neg().wrapping_sub(intercept) << 16 | u32::from(saturated);
                changes[lane] = if hit { change } else { 0 };
                sums[0][lane] += u32::from(hit);
                sums[1][lane] += level;
                sums[2][lane] += idle.min(CAP as u32);
                sums[3][lane] += idle;
                sums[4][lane] = sums[4][lane].max(idle);
                sums[5][lane] += u32::from(saturated);
                sums[6][lane] += u32::from(hit & (last[lane] == 0));
                after[lane] = if hit { now } else { before[lane] };
                cleared[lane] = if hit { now as u32 } else { last[lane] };
            }
            origin[start..start + ROW].copy_from_slice(&after);
            cleared_at[start..start + ROW].copy_from_slice(&cleared);
            if let Some(patch) = &mut patch {
                patch.set_row(row, &changes);
            }
        }
        if let Some(patch) = &mut patch {
            patch.end_at(square.rows);
        }
        let total = |index: usize| sums[index].iter().sum();
        Cleared {
            cells: total(0),
            threat: total(1),
            growth: total(2),
            idleness: total(3),
            worst_idleness: sums[4].iter().copied().fold(0, u32::max),
            saturated: total(5),
            first_time: total(6),
        }
    }
}

/// When the cell of a square was cleared that waits for the longest; [`NEVER`] if all are obstacles.
#[inline(always)]
pub(crate) fn waits_since(square: &Square, origin: &[i32], cleared_at: &[u32]) -> i32 {
    let mut since = [NEVER; ROW];
    let columns = square.columns as i32;
    for row in 0..square.rows {
        let start = square.first + row * square.stride;
        let (origin, cleared) = (row_at(origin, start), row_at(cleared_at, start));
        for lane in 0..ROW {
            let waits = ((lane as i32) < columns) & (origin[lane] != BLOCKED);
            since[lane] = since[lane].min(if waits { cleared[lane] as i32 } else { NEVER });
        }
    }
    since.into_iter().fold(NEVER, i32::min)
}

/// Marks the cells of a square whose threat reaches the cap now, and returns how many there are.
pub(crate) struct Saturate<'a> {
    pub square: Square,
    pub now: i32,
    pub origin: &'a mut [i32],
    pub patch: Option<&'a mut Patch>,
}

impl Kernel for Saturate<'_> {
    type Output = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        let Self { square, now, origin, mut patch } = self;
        let reached = now - CAP;
        let change = line(SATURATED).wrapping_sub(line(reached));
        let mut cells = [0u32; ROW];
        for row in 0..square.rows {
            let start = square.first + row * square.stride;
            let before = row_at(origin, start);
            let (mut after, mut changes) = (before, [0u32; ROW]);
            for lane in 0..ROW {
                let hit = (before[lane] == reached) & (lane < square.columns);
                changes[lane] = if hit { change } else { 0 };
                cells[lane] += u32::from(hit);
                after[lane] = if hit { SATURATED } else { before[lane] };
            }
            origin[start..start + ROW].copy_from_slice(&after);
            if let Some(patch) = &mut patch {
                patch.set_row(row, &changes);
            }
        }
        if let Some(patch) = &mut patch {
            patch.end_at(square.rows);
        }
        cells.iter().sum()
    }
}

/// A copy of a row: the compiler sees that it shares no memory with what is written.
#[inline(always)]
fn row_at<T: Copy + Default>(cells: &[T], start: usize) -> [T; ROW] {
    let mut row = [T::default(); ROW];
    row.copy_from_slice(&cells[start..start + ROW]);
    row
}
