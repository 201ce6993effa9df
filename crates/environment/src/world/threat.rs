//! Threat that costs nothing while it grows.
//!
//! A cell's threat is a function of time: `min(100, t − origin)`, where `origin` is when it would have been zero. So no
//! cell is touched while threat grows; cells change only when they are cleared, when an object adds to them, and once when
//! they reach the cap. The last is known a hundred steps ahead: a patrol leaves a note to come back. The sum over all
//! cells grows by the number of cells below the cap.

use super::gain::{GainMap, MAX_PATCH, Patch, line};
use crate::map::{Cell, Map};
use std::collections::VecDeque;

/// Highest threat, in hundredths.
pub(crate) const CAP: i32 = 100;
/// Origin of a cell that is at the cap for longer than this step.
pub(crate) const SATURATED: i32 = i32::MIN / 2;
/// Origin of an obstacle: its threat is always zero.
pub(crate) const BLOCKED: i32 = i32::MAX;

/// The threat of all cells, and when each was cleared.
#[derive(Clone, Debug)]
pub(crate) struct ThreatField {
    width: usize,
    height: usize,
    free_cells: u32,
    /// The current step.
    pub now: i32,
    /// Per cell: the step at which its threat was zero, [`SATURATED`] or [`BLOCKED`].
    pub origin: Vec<i32>,
    /// Per cell: the step at which it was last cleared, 0 if never.
    pub cleared_at: Vec<u32>,
    /// Sum of all threat, in hundredths.
    pub total: u32,
    /// Free cells below the cap.
    pub growing: u32,
    /// Free cells that were cleared at least once.
    pub covered: u32,
    /// Sum over free cells of the steps since they were cleared.
    pub idleness: u64,
    /// Highest idleness that a clearing ended.
    pub worst_idleness: u32,
    /// When cells cleared together reach the cap, in order of time.
    pub due: VecDeque<Due>,
    /// The same for single cells to which an object had added, in no order.
    pub due_single: Vec<Due>,
    /// Box sums for observations, if wanted.
    pub gain: Option<GainMap>,
}

/// At step `at`, cells within `radius` of `cell` that nothing happened to reach the cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub at: u32,
    pub cell: Cell,
    pub radius: u8,
}

/// What a patrol cleared; threat in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cleared {
    pub cells: u32,
    pub threat: u32,
    /// The part of the threat that grew by time since the last clearing.
    pub growth: u32,
}

impl ThreatField {
    pub fn new(map: &Map) -> Self {
        let origin: Vec<i32> = map.obstacles().iter().map(|blocked| if *blocked { BLOCKED } else { 0 }).collect();
        Self {
            width: map.width(),
            height: map.height(),
            free_cells: map.free_cells() as u32,
            now: 0,
            cleared_at: vec![0; origin.len()],
            origin,
            total: 0,
            growing: map.free_cells() as u32,
            covered: 0,
            idleness: 0,
            worst_idleness: 0,
            due: VecDeque::new(),
            due_single: Vec::new(),
            gain: None,
        }
    }

    pub fn index(&self, cell: Cell) -> usize {
        usize::from(cell.y) * self.width + usize::from(cell.x)
    }

    /// Threat in hundredths of the cell with this index.
    #[inline]
    pub fn level(&self, index: usize) -> i32 {
        (self.now - self.origin[index]).clamp(0, CAP)
    }

    /// Starts to keep box sums, given where objects lie.
    pub fn track(&mut self, objects: impl Iterator<Item = Cell>) {
        let mut gain = GainMap::new(self.width, self.height, &self.origin);
        objects.for_each(|cell| gain.set_object(cell, true));
        self.gain = Some(gain);
    }

    /// Computes the sums from the cells.
    pub fn sum_up(&mut self, map: &Map) {
        let free = || (0..map.obstacles().len()).filter(|index| !map.obstacles()[*index]);
        self.total = free().map(|index| self.level(index) as u32).sum();
        self.growing = free().filter(|index| self.origin[*index] != SATURATED).count() as u32;
        self.covered = free().filter(|index| self.cleared_at[*index] > 0).count() as u32;
        self.idleness = free().map(|index| u64::from(self.now as u32 - self.cleared_at[index])).sum();
    }

    /// One step of growth. Cells never cleared reach the cap together.
    #[inline]
    pub fn grow(&mut self) {
        self.now += 1;
        self.total += self.growing;
        self.idleness += u64::from(self.free_cells);
        if self.now == CAP {
            self.saturate_untouched();
        }
        while let Some(due) = self.due.front().copied().filter(|due| due.at == self.now as u32) {
            self.due.pop_front();
            self.saturate(due);
        }
        if !self.due_single.is_empty() {
            self.saturate_singles();
        }
    }

    /// An object adds `amount` to the cell; says whether the cell is at the cap now.
    pub fn add(&mut self, cell: Cell, amount: i32) -> bool {
        let index = self.index(cell);
        let level = self.level(index);
        let raised = (level + amount).min(CAP);
        self.total += (raised - level) as u32;
        let full = raised == CAP;
        if self.origin[index] != SATURATED {
            let origin = if full { SATURATED } else { self.now - raised };
            self.growing -= u32::from(full);
            self.replace(cell, index, origin);
        }
        full
    }

    /// The object on this cell is gone: from now on only time adds.
    pub fn release(&mut self, cell: Cell) {
        let origin = self.origin[self.index(cell)];
        if origin != SATURATED {
            self.due_single.push(Due { at: (origin + CAP) as u32, cell, radius: 0 });
        }
    }

    /// Clears all cells within `radius` (2 or 3) of `centre`; calls `was_full` for each cell that was at the cap.
    #[inline]
    pub fn clear(&mut self, centre: Cell, radius: usize, mut was_full: impl FnMut(usize)) -> Cleared {
        let mut cleared = Cleared::default();
        let mut patch = Patch::default();
        let now = self.now;
        for (row, range) in rows(self.width, self.height, centre, radius) {
            let left = range.start;
            let origins = &mut self.origin[range.clone()];
            let cleared_at = &mut self.cleared_at[range];
            for (column, (origin, last)) in origins.iter_mut().zip(cleared_at).enumerate() {
                let level = (now - *origin).clamp(0, CAP);
                if level == 0 {
                    continue;
                }
                let idle = now as u32 - *last;
                cleared.cells += 1;
                cleared.threat += level as u32;
                cleared.growth += idle.min(CAP as u32);
                self.idleness -= u64::from(idle);
                self.worst_idleness = self.worst_idleness.max(idle);
                self.covered += u32::from(*last == 0);
                if *origin == SATURATED {
                    self.growing += 1;
                    was_full(left + column);
                }
                patch.set(row, column, line(now).wrapping_sub(line(*origin)));
                *origin = now;
                *last = now as u32;
            }
        }
        self.total -= cleared.threat;
        if cleared.cells > 0 {
            self.due.push_back(Due { at: (now + CAP) as u32, cell: centre, radius: radius as u8 });
            if let Some(gain) = &mut self.gain {
                gain.add(centre, radius, &patch);
            }
        }
        cleared
    }

    fn saturate(&mut self, due: Due) {
        let radius = usize::from(due.radius);
        let reached = self.now - CAP;
        let change = line(SATURATED).wrapping_sub(line(reached));
        let mut patch = Patch::default();
        let mut cells = 0;
        for (row, range) in rows(self.width, self.height, due.cell, radius) {
            for (column, origin) in self.origin[range].iter_mut().enumerate() {
                if *origin == reached {
                    *origin = SATURATED;
                    cells += 1;
                    patch.set(row, column, change);
                }
            }
        }
        self.growing -= cells;
        if cells > 0
            && let Some(gain) = &mut self.gain
        {
            gain.add(due.cell, radius, &patch);
        }
    }

    fn saturate_singles(&mut self) {
        let mut index = 0;
        while index < self.due_single.len() {
            if self.due_single[index].at == self.now as u32 {
                let due = self.due_single.swap_remove(index);
                self.saturate(due);
            } else {
                index += 1;
            }
        }
    }

    fn saturate_untouched(&mut self) {
        let untouched = self.origin.iter_mut().filter(|origin| **origin == 0);
        self.growing -= untouched.map(|origin| *origin = SATURATED).count() as u32;
        if let Some(gain) = &mut self.gain {
            gain.rebuild(&self.origin);
        }
    }

    fn replace(&mut self, cell: Cell, index: usize, origin: i32) {
        let old = std::mem::replace(&mut self.origin[index], origin);
        if let Some(gain) = &mut self.gain {
            let mut patch = Patch::default();
            patch.set(0, 0, line(origin).wrapping_sub(line(old)));
            gain.add(cell, 0, &patch);
        }
    }
}

/// The rows of the square within `radius` of `centre`, clipped to the grid: row of the patch and indices of its cells,
/// of which the first is always column 0 of the patch.
fn rows(
    width: usize,
    height: usize,
    centre: Cell,
    radius: usize,
) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
    const { assert!(MAX_PATCH == 7) };
    let (x, y) = (usize::from(centre.x), usize::from(centre.y));
    let (left, right) = (x.saturating_sub(radius), (x + radius + 1).min(width));
    let (top, bottom) = (y.saturating_sub(radius), (y + radius + 1).min(height));
    (top..bottom).map(move |row| (row - top, row * width + left..row * width + right))
}
