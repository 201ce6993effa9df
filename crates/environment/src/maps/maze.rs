//! Perfect mazes: exactly one way between any two cells.

use crate::rng::below;
use rand_chacha::ChaCha8Rng;

/// Carves passages by recursive backtracking (depth-first search in random order) between the cells with odd
/// coordinates; the rim stays wall. Row-major, `true` = blocked; `width` and `height` are at least 5.
///
/// Buck, *Mazes for Programmers*, 2015, chapter 5 ("recursive backtracker"), with a stack instead of recursion.
pub fn generate(width: usize, height: usize, rng: &mut ChaCha8Rng) -> Vec<bool> {
    let mut obstacles = vec![true; width * height];
    let (columns, rows) = ((width - 1) / 2, (height - 1) / 2);
    let mut trail = vec![(below(rng, columns) * 2 + 1, below(rng, rows) * 2 + 1)];
    obstacles[trail[0].1 * width + trail[0].0] = false;
    while let Some(&(x, y)) = trail.last() {
        let next = [
            (y > 2).then(|| (x, y.wrapping_sub(2))),
            (x + 2 < 2 * columns).then_some((x + 2, y)),
            (y + 2 < 2 * rows).then_some((x, y + 2)),
            (x > 2).then(|| (x.wrapping_sub(2), y)),
        ];
        let mut unvisited = next.into_iter().flatten().filter(|(x, y)| obstacles[y * width + x]);
        let count = unvisited.clone().count();
        if count == 0 {
            trail.pop();
        } else if let Some((next_x, next_y)) = unvisited.nth(below(rng, count)) {
            obstacles[(y + next_y) / 2 * width + (x + next_x) / 2] = false;
            obstacles[next_y * width + next_x] = false;
            trail.push((next_x, next_y));
        }
    }
    obstacles
}
