//! Who really moves when several robots want to move at once.

use crate::config::MAX_ROBOTS;
use crate::map::Cell;

/// Decides which robots move. `targets[i]` is the free cell that robot `i`, standing on `positions[i]`, wants to enter.
///
/// Robots with the same target all stay, two that would swap both stay, and a robot enters the cell of another only if
/// that one leaves: the largest set of moves that satisfies all three. Two robots never share a cell.
#[inline]
pub(crate) fn resolve_moves(positions: &[Cell], targets: &[Option<Cell>]) -> [bool; MAX_ROBOTS] {
    let count = positions.len();
    let mut moves = [false; MAX_ROBOTS];
    for robot in 0..count {
        let Some(target) = targets[robot] else { continue };
        moves[robot] = (0..count).filter(|other| *other != robot).all(|other| {
            let same_target = targets[other] == Some(target);
            let swap = positions[other] == target && targets[other] == Some(positions[robot]);
            !same_target && !swap
        });
    }
    loop {
        let stuck = (0..count).find(|robot| moves[*robot] && occupant_stays(*robot, positions, targets, &moves));
        match stuck {
            Some(robot) => moves[robot] = false,
            None => return moves,
        }
    }
}

fn occupant_stays(robot: usize, positions: &[Cell], targets: &[Option<Cell>], moves: &[bool; MAX_ROBOTS]) -> bool {
    let occupied = |other: usize| targets[robot] == Some(positions[other]);
    (0..positions.len()).any(|other| other != robot && !moves[other] && occupied(other))
}
