//! The last cells of a robot, for the diversity term.

use crate::map::Cell;

/// Cells remembered.
pub(crate) const LENGTH: usize = 10;

/// Where a robot was after each of its last ten steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trail {
    pub cells: [Cell; LENGTH],
    /// Steps remembered so far; the next goes to `count % LENGTH`.
    pub count: u32,
    /// Whether the robot entered its cell in this step.
    pub moved: bool,
}

impl Trail {
    pub fn push(&mut self, cell: Cell) {
        self.cells[self.count as usize % LENGTH] = cell;
        self.count += 1;
    }

    /// Distinct cells among the last ten, as a share; `None` before there are ten.
    pub fn distinct_share(&self) -> Option<f64> {
        if (self.count as usize) < LENGTH {
            return None;
        }
        let distinct = (0..LENGTH).filter(|index| !self.cells[..*index].contains(&self.cells[*index])).count();
        Some(distinct as f64 / LENGTH as f64)
    }
}
