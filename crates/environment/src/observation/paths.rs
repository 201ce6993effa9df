//! What lies along the ways that are open to a robot: a breadth-first search over free cells around other robots.
//!
//! Straight-line maps mislead where walls are. Here gain counts by the length of the way to it, as in cognitive local
//! propagation (Sampaio et al., *Gravitational agents for patrolling*, 2010), discounted per cell and kept apart by the
//! direction of the first step.

use super::crops::GAIN_SCALE;
use super::scalars::Frame;
use crate::config::MAX_ROBOTS;
use crate::world::World;
use crate::world::gain::{FLAG_BLOCKED, FLAG_OBJECT, GainMap, PAD, gain_at};

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

/// Bits of a padded grid of up to 110 rows of 112 cells.
type Seen = [u64; SEEN_WORDS];
const SEEN_WORDS: usize = (110 * 112_usize).div_ceil(64);

/// Cells in order of their distance, each with the direction in which the way to it starts.
struct Queue {
    places: [u16; CELLS],
    starts: [u8; CELLS],
    len: usize,
}

#[inline(always)]
pub(super) fn write_paths(world: &World, gain: &GainMap, frame: &Frame, features: &mut [f32]) {
    let plane = &gain.by_rows;
    let stride = plane.stride as i32;
    let place_of = |x: u8, y: u8| (i32::from(y) + PAD as i32) * stride + i32::from(x) + PAD as i32;
    let mut others = [(0, 0); MAX_ROBOTS];
    let mut count = 0;
    let mut seen: Seen = [0; SEEN_WORDS];
    for (index, robot) in world.robots().iter().enumerate() {
        mark(&mut seen, place_of(robot.cell.x, robot.cell.y) as usize);
        if index != frame.robot {
            others[count] = (i32::from(robot.cell.x) + PAD as i32, i32::from(robot.cell.y) + PAD as i32);
            count += 1;
        }
    }
    let others = &others[..count];
    let clockwise = [-stride, 1, stride, -1];
    let step: [i32; 4] = std::array::from_fn(|turn| clockwise[(frame.heading as usize + turn) & 3]);

    let mut queue = Queue { places: [0; CELLS], starts: [0; CELLS], len: 0 };
    let mut best = [[0.0_f32; 4]; KINDS];
    let (mut short, mut long) = (1.0, 1.0);
    let here = place_of(frame.cell.x, frame.cell.y);
    for (turn, step) in step.iter().enumerate() {
        queue.visit(&mut seen, &plane.words, here + step, turn as u8);
    }
    let (mut first, mut way) = (0, 1);
    while first < queue.len {
        // One ring of cells, all at the same distance.
        let ring = first..queue.len;
        first = queue.len;
        (short, long) = (short * SHORT_SIGHT, long * LONG_SIGHT);
        for at in ring {
            let (place, start) = (usize::from(queue.places[at]), queue.starts[at]);
            let (word, direction) = (plane.words[place], usize::from(start));
            let value = gain_at(word, frame.now) as i32 as f32 * GAIN_SCALE;
            best[0][direction] = best[0][direction].max(value * short);
            best[1][direction] = best[1][direction].max(value * long);
            let (x, y) = ((place % plane.stride) as i32, (place / plane.stride) as i32);
            if others.iter().all(|other| (other.0 - x).abs() + (other.1 - y).abs() >= way) {
                best[2][direction] = best[2][direction].max(value * long);
            }
            if word & FLAG_OBJECT != 0 {
                best[3][direction] = best[3][direction].max(1.0 / (1 + way) as f32);
            }
            for step in step {
                queue.visit(&mut seen, &plane.words, place as i32 + step, start);
            }
        }
        way += 1;
    }
    for (features, best) in features.chunks_exact_mut(4).zip(&best) {
        features.copy_from_slice(best);
    }
}

impl Queue {
    /// Adds a cell that is free and new, as long as there is room.
    #[inline(always)]
    fn visit(&mut self, seen: &mut Seen, words: &[u32], place: i32, start: u8) {
        let place = place as usize;
        let (word, bit) = (place / 64, 1 << (place % 64));
        if self.len < CELLS && words[place] & FLAG_BLOCKED == 0 && seen[word] & bit == 0 {
            seen[word] |= bit;
            self.places[self.len] = place as u16;
            self.starts[self.len] = start;
            self.len += 1;
        }
    }
}

#[inline(always)]
fn mark(seen: &mut Seen, place: usize) {
    seen[place / 64] |= 1 << (place % 64);
}
