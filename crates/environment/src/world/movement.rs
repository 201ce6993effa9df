//! Who really moves when several robots want to move at once.

use crate::config::MAX_ROBOTS;
use crate::map::Cell;

/// A cell or nowhere, packed so that comparing costs one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u16);

impl Place {
    pub const NOWHERE: Self = Self(u16::MAX);

    #[inline(always)]
    pub fn of(cell: Cell) -> Self {
        Self(u16::from_le_bytes([cell.x, cell.y]))
    }

    #[inline(always)]
    pub fn cell(self) -> Cell {
        let [x, y] = self.0.to_le_bytes();
        Cell { x, y }
    }
}

/// Decides which robots move. `targets[i]` is the free cell that robot `i`, standing on `positions[i]`, wants to enter.
///
/// Robots with the same target all stay, two that would swap both stay, and a robot enters the cell of another only if
/// that one leaves: the largest set of moves that satisfies all three. Two robots never share a cell.
#[inline]
pub(crate) fn resolve_moves(positions: &[Place], targets: &[Place]) -> [bool; MAX_ROBOTS] {
    let count = positions.len();
    let mut moves = [false; MAX_ROBOTS];
    let mut follows = false;
    for robot in (0..count).filter(|robot| targets[*robot] != Place::NOWHERE) {
        let mut free = true;
        for other in (0..count).filter(|other| *other != robot) {
            let occupied = positions[other] == targets[robot];
            free &= targets[other] != targets[robot];
            free &= !(occupied && targets[other] == positions[robot]);
            follows |= occupied;
        }
        moves[robot] = free;
    }
    if follows {
        let stuck = |moves: &_| (0..count).find(|robot| occupant_stays(*robot, positions, targets, moves));
        while let Some(robot) = stuck(&moves) {
            moves[robot] = false;
        }
    }
    moves
}

/// Whether a robot that would move cannot, because another one that stays is in its way.
fn occupant_stays(robot: usize, positions: &[Place], targets: &[Place], moves: &[bool; MAX_ROBOTS]) -> bool {
    let in_the_way = |other: usize| other != robot && !moves[other] && targets[robot] == positions[other];
    moves[robot] && (0..positions.len()).any(in_the_way)
}
