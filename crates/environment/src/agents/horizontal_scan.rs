//! Row by row from the north, turning at the ends.

use super::sweep::Sweep;

pub(super) fn strategy() -> Sweep {
    Sweep::new("horizontal_scan", rows_there_and_back)
}

/// All cells, west to east in even rows and back in odd ones.
fn rows_there_and_back(width: usize, height: usize) -> Vec<(usize, usize)> {
    let along = |y: usize| (0..width).map(move |step| (if y.is_multiple_of(2) { step } else { width - 1 - step }, y));
    (0..height).flat_map(along).collect()
}
