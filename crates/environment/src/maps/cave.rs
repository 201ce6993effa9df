//! Caves grown by a cellular automaton.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// Rounds of the automaton.
const ROUNDS: usize = 4;
/// A cave holds at least one cell of the grid in this many.
const LEAST_SHARE: usize = 4;

/// Random walls with probability `initial_wall_probability`, then four rounds in which a cell becomes wall if walls hold
/// the majority of its 3×3 neighbourhood (of the part within the grid), then everything but the largest cave is filled.
/// Row-major, `true` = blocked. `None` if that leaves less than a quarter of the grid.
///
/// Johnson, Yannakakis, Togelius, *Cellular automata for real-time generation of infinite cave levels*, 2010.
pub fn generate(width: usize, height: usize, initial_wall_probability: f32, rng: &mut ChaCha8Rng) -> Option<Vec<bool>> {
    let threshold = (f64::from(initial_wall_probability) * 2f64.powi(32)) as u64;
    let mut walls: Vec<bool> = (0..width * height).map(|_| u64::from(rng.next_u32()) < threshold).collect();
    for _ in 0..ROUNDS {
        walls = (0..width * height).map(|cell| majority_is_wall(width, height, &walls, cell)).collect();
    }
    keep_largest_cave(width, height, &mut walls);
    let free = walls.iter().filter(|wall| !**wall).count();
    (free * LEAST_SHARE >= width * height).then_some(walls)
}

fn majority_is_wall(width: usize, height: usize, walls: &[bool], cell: usize) -> bool {
    let (x, y) = (cell % width, cell / width);
    let (left, right) = (x.saturating_sub(1), (x + 2).min(width));
    let (top, bottom) = (y.saturating_sub(1), (y + 2).min(height));
    let count: usize =
        (top..bottom).map(|y| walls[y * width + left..y * width + right].iter().filter(|wall| **wall).count()).sum();
    2 * count > (right - left) * (bottom - top)
}

fn keep_largest_cave(width: usize, height: usize, walls: &mut [bool]) {
    let mut unseen = walls.iter().map(|wall| !wall).collect::<Vec<_>>();
    let mut largest = Vec::new();
    for cell in 0..walls.len() {
        let cave = take_cave(width, height, &mut unseen, cell);
        if cave.len() > largest.len() {
            largest = cave;
        }
    }
    walls.fill(true);
    largest.into_iter().for_each(|cell| walls[cell] = false);
}

/// The cells reachable from `start` among those not seen yet, which they leave; empty if `start` is not among them.
fn take_cave(width: usize, height: usize, unseen: &mut [bool], start: usize) -> Vec<usize> {
    let mut cave = Vec::new();
    let mut visit = |cell: usize, cave: &mut Vec<usize>| {
        if std::mem::replace(&mut unseen[cell], false) {
            cave.push(cell);
        }
    };
    visit(start, &mut cave);
    let mut next = 0;
    while next < cave.len() {
        let cell = cave[next];
        let (x, y) = (cell % width, cell / width);
        if x > 0 {
            visit(cell - 1, &mut cave);
        }
        if x + 1 < width {
            visit(cell + 1, &mut cave);
        }
        if y > 0 {
            visit(cell - width, &mut cave);
        }
        if y + 1 < height {
            visit(cell + width, &mut cave);
        }
        next += 1;
    }
    cave
}
