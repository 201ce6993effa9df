//! What lies along the ways that are open to a robot: a breadth-first search over free cells around other robots.
//!
//! Straight-line maps mislead where walls are. Here gain counts by the length of the way to it, as in cognitive local
//! propagation (Sampaio et al., *Gravitational agents for patrolling*, 2010), discounted per cell and kept apart by the
//! direction of the first step.

use super::crops::GAIN_SCALE;
use super::scalars::Frame;
use crate::map::Cell;
use crate::world::World;
use crate::world::gain::{FLAG_OBJECT, GainMap, PAD, gain_at};

/// Cells that are looked at, nearest first: a dozen steps on an open floor, many more in a maze.
const CELLS: usize = 160;
/// Discounts per cell of the way.
const SHORT_SIGHT: f32 = 0.8;
const LONG_SIGHT: f32 = 0.95;
/// Features per direction: best gain at short and at long sight, the latter also of cells that no other robot is nearer
/// to, and 1/(1 + way) of the first object.
const KINDS: usize = 4;
/// Entries of the block `paths`: by kind, then ahead, to the right, behind, to the left.
pub(super) const PATHS: usize = 4 * KINDS;

/// A cell that was reached: the length of the way to it in the upper 8 bits, in the next 8 the direction in which that starts,
/// and below them row × 128 + column, with the padding. 0 is a corner of the padding, where there is nothing.
type Reached = u32;
/// From a cell to those in the next row, and from a way to a longer one.
const ROW: u32 = 128;
const LONGER: u32 = 1 << 24;
/// From one direction to the next.
const TURN: u32 = 1 << 16;
/// Room for all reached cells; a power of two.
const ROOM: usize = 256;

/// Discounts by length of the way.
static DISCOUNTS: [[f32; 256]; 2] = {
    let mut discounts = [[1.0; 256]; 2];
    let mut way = 1;
    while way < 256 {
        discounts[0][way] = discounts[0][way - 1] * SHORT_SIGHT;
        discounts[1][way] = discounts[1][way - 1] * LONG_SIGHT;
        way += 1;
    }
    discounts
};

#[inline(always)]
pub(super) fn write_paths(world: &World, gain: &GainMap, frame: &Frame, features: &mut [f32]) {
    let reached = reach(world, gain, frame);
    let values = evaluate(&reached, world, gain, frame);
    for (values, features) in values.iter().zip(features.chunks_exact_mut(4)) {
        for (start, feature) in features.iter_mut().enumerate() {
            let mut best = 0;
            for (value, reached) in values.iter().zip(&reached) {
                best = best.max(if reached / TURN % 256 == start as u32 { *value } else { 0 });
            }
            *feature = f32::from_bits(best);
        }
    }
}

/// The cells that are nearest by ways around other robots, in order.
#[inline(always)]
fn reach(world: &World, gain: &GainMap, frame: &Frame) -> [Reached; CELLS] {
    let mut closed = [u64::MAX; ROOM];
    closed[..gain.blocked.len()].copy_from_slice(&gain.blocked);
    for robot in world.robots() {
        let cell = place(robot.cell) as usize;
        closed[cell / 64] |= 1 << (cell % 64);
    }
    let mut steps = [0; 4];
    for (turn, step) in steps.iter_mut().enumerate() {
        let clockwise = [ROW.wrapping_neg(), 1, ROW, u32::MAX];
        *step = clockwise[(frame.heading as usize + turn) & 3].wrapping_add(LONGER);
    }
    let (mut queue, mut len, mut next) = ([0; ROOM], 0, 0);
    for (start, step) in steps.into_iter().enumerate() {
        len += visit(&mut queue[len], &mut closed, place(frame.cell).wrapping_add(step) + start as u32 * TURN);
    }
    while next < len && len < CELLS {
        let reached = queue[next];
        for step in steps {
            len += visit(&mut queue[len % ROOM], &mut closed, reached.wrapping_add(step));
        }
        next += 1;
    }
    queue[len] = 0;
    let mut cells = [0; CELLS];
    cells.copy_from_slice(&queue[..CELLS]);
    cells
}

/// Closes a cell and says whether it was open: 1 or 0, without branches, because that is like the toss of a coin.
#[inline(always)]
fn visit(end: &mut Reached, closed: &mut [u64; ROOM], cell: Reached) -> usize {
    let (word, bit) = (&mut closed[cell as usize / 64 % ROOM], cell % 64);
    let open = !*word >> bit & 1;
    *word |= 1 << bit;
    *end = cell;
    open as usize
}

/// What the features are the highest of, by kind: bits of numbers that are not negative, which are in the order of the numbers.
#[inline(always)]
fn evaluate(reached: &[Reached; CELLS], world: &World, gain: &GainMap, frame: &Frame) -> [[u32; CELLS]; KINDS] {
    let mut nearest = [u32::MAX; CELLS];
    for (index, robot) in world.robots().iter().enumerate() {
        if index != frame.robot {
            let (row, column) = (place(robot.cell) / ROW, place(robot.cell) % ROW);
            for (nearest, cell) in nearest.iter_mut().zip(reached) {
                let away = row.abs_diff(cell % TURN / ROW) + column.abs_diff(cell % ROW);
                *nearest = away.min(*nearest);
            }
        }
    }
    let (mut words, mut discounts) = ([0; CELLS], [[0.0; CELLS]; 2]);
    for (index, cell) in reached.iter().enumerate() {
        words[index] = gain.by_rows.words[(cell % TURN / ROW) as usize * gain.by_rows.stride + (cell % ROW) as usize];
        discounts[0][index] = DISCOUNTS[0][(cell / LONGER) as usize];
        discounts[1][index] = DISCOUNTS[1][(cell / LONGER) as usize];
    }
    let mut values = [[0; CELLS]; KINDS];
    for index in 0..CELLS {
        let (length, word) = (reached[index] / LONGER, words[index]);
        let value = gain_at(word, frame.now) as i32 as f32 * GAIN_SCALE;
        values[0][index] = (value * discounts[0][index]).to_bits();
        values[1][index] = (value * discounts[1][index]).to_bits();
        values[2][index] = if nearest[index] >= length { values[1][index] } else { 0 };
        let found = 1.0 / (1 + length as i32) as f32;
        values[3][index] = if word & FLAG_OBJECT != 0 { found.to_bits() } else { 0 };
    }
    values
}

#[inline(always)]
fn place(cell: Cell) -> u32 {
    ROW * (u32::from(cell.y) + PAD as u32) + u32::from(cell.x) + PAD as u32
}
