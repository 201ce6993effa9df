//! Who moves and who waits, decided for the whole team before anyone is blocked.

use crate::action::Action;
use crate::config::MAX_ROBOTS;

/// What a robot means to do in this step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Intent {
    /// The action.
    pub action: Action,
    /// Where it stands.
    pub cell: usize,
    /// Where the action takes it; its own cell unless it moves.
    pub target: usize,
    /// The next cell that its plan enters, now or after turns; only known where robots are in each other's way.
    pub next_cell: Option<usize>,
    /// Goes first where two want the same cell.
    pub urgent: bool,
    /// Acts whatever the others do.
    pub heedless: bool,
    /// Must wait, or decided anew after the others had decided: does not move in this step.
    pub held: bool,
    /// Would move, but into the way of a robot that must charge.
    pub detained: bool,
}

/// Whether any robot means to enter a cell where another one is or goes: else nobody has to wait.
pub(super) fn crosses(intents: &[Intent]) -> bool {
    let meet = |a: &Intent, b: &Intent| (a.target == b.target) | (a.target == b.cell) | (b.target == a.cell);
    let mut others = intents;
    let mut crosses = false;
    while let [first, rest @ ..] = others {
        crosses |= rest.iter().fold(false, |crosses, other| crosses | meet(first, other));
        others = rest;
    }
    crosses
}

/// For each robot that must wait, the robot that it waits for. Those who may go never collide: nobody enters a cell
/// whose occupant stays, no two swap, no two enter the same cell. Rings of robots may rotate.
pub(super) fn waits(intents: &[Intent]) -> [Option<usize>; MAX_ROBOTS] {
    let mut waits = [None; MAX_ROBOTS];
    loop {
        let mut changed = false;
        for robot in 0..intents.len() {
            if moves(intents, &waits, robot)
                && !intents[robot].heedless
                && let Some(other) = obstruction(intents, &waits, robot)
            {
                waits[robot] = Some(other);
                changed = true;
            }
        }
        if !changed {
            return waits;
        }
    }
}

/// Whether two robots face each other, each planning to enter the other's cell next.
pub(super) fn meet_head_on(a: &Intent, b: &Intent) -> bool {
    a.next_cell == Some(b.cell) && b.next_cell == Some(a.cell)
}

fn moves(intents: &[Intent], waits: &[Option<usize>; MAX_ROBOTS], robot: usize) -> bool {
    intents[robot].target != intents[robot].cell && waits[robot].is_none()
}

fn obstruction(intents: &[Intent], waits: &[Option<usize>; MAX_ROBOTS], robot: usize) -> Option<usize> {
    let mine = &intents[robot];
    (0..intents.len()).filter(|other| *other != robot).find(|other| {
        let theirs = &intents[*other];
        let they_move = moves(intents, waits, *other);
        let stays = theirs.cell == mine.target && (!they_move || theirs.target == mine.cell);
        let goes_first = (!theirs.urgent, *other) < (!mine.urgent, robot) || theirs.heedless;
        stays || (they_move && theirs.target == mine.target && goes_first)
    })
}
