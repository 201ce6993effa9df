//! Threat that costs nothing while it grows.
//!
//! A cell's threat is a function of time: `min(100, t − origin)`, where `origin` is when it would have been zero. So no
//! cell is touched while threat grows; cells change only when they are cleared, when an object adds to them, and once when
//! they reach the cap. The last is known a hundred steps ahead: a patrol leaves a note to come back. The sum over all
//! cells grows by the number of cells below the cap.

use super::gain::{GainMap, line};
use super::square::{Clear, Cleared, ROW, Saturate, Square};
use crate::map::{Cell, Map};
use crate::simd::Simd;
use std::collections::VecDeque;

/// Highest threat, in hundredths.
pub(crate) const CAP: i32 = 100;
/// Origin of a cell that is at the cap for longer than this step.
pub(crate) const SATURATED: i32 = i32::MIN / 2;
/// In place of the step since when something waits that never does.
pub(crate) const NEVER: i32 = i32::MAX / 2;
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
    /// Per cell: the step at which its threat was zero, [`SATURATED`] or [`BLOCKED`]. Longer than the grid by [`ROW`].
    pub origin: Vec<i32>,
    /// Per cell: the step at which it was last cleared, 0 if never. Longer than the grid by [`ROW`].
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
    pub simd: Simd,
}

/// At step `at`, cells within `radius` of `cell` that nothing happened to reach the cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub at: u32,
    pub cell: Cell,
    pub radius: u8,
}

impl ThreatField {
    pub fn new(map: &Map) -> Self {
        let mut origin: Vec<i32> = map.obstacles().iter().map(|blocked| if *blocked { BLOCKED } else { 0 }).collect();
        origin.resize(origin.len() + ROW, BLOCKED);
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
            simd: Simd::detect(),
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

    pub fn use_simd(&mut self, simd: Simd) {
        self.simd = simd;
        if let Some(gain) = &mut self.gain {
            gain.simd = simd;
        }
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

    /// Clears all cells within `radius` (2 or 3) of `centre`.
    #[inline]
    pub fn clear(&mut self, centre: Cell, radius: usize) -> Cleared {
        let square = Square::new(self.width, self.height, centre, radius);
        let (now, origin, cleared_at) = (self.now, &mut self.origin, &mut self.cleared_at);
        let cleared = match &mut self.gain {
            Some(gain) => {
                let patch = Some(&mut gain.patch);
                let cleared = self.simd.run(Clear { square, now, origin, cleared_at, patch });
                gain.add(centre, radius);
                cleared
            }
            None => self.simd.run(Clear { square, now, origin, cleared_at, patch: None }),
        };
        self.total -= cleared.threat;
        self.growing += cleared.saturated;
        self.covered += cleared.first_time;
        self.idleness -= u64::from(cleared.idleness);
        self.worst_idleness = self.worst_idleness.max(cleared.worst_idleness);
        if cleared.cells > 0 {
            self.due.push_back(Due { at: (now + CAP) as u32, cell: centre, radius: radius as u8 });
        }
        cleared
    }

    /// The cells within `radius` (2 or 3) of `centre`.
    pub fn square(&self, centre: Cell, radius: usize) -> Square {
        Square::new(self.width, self.height, centre, radius)
    }

    fn saturate(&mut self, Due { cell, radius, .. }: Due) {
        let radius = usize::from(radius);
        let square = Square::new(self.width, self.height, cell, radius);
        let (now, origin) = (self.now, &mut self.origin);
        self.growing -= match &mut self.gain {
            Some(gain) => {
                let patch = Some(&mut gain.patch);
                let cells = self.simd.run(Saturate { square, now, origin, patch });
                if cells > 0 {
                    gain.add(cell, radius);
                }
                cells
            }
            None => self.simd.run(Saturate { square, now, origin, patch: None }),
        };
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
            gain.add_to(cell, line(origin).wrapping_sub(line(old)));
        }
    }
}
