//! Column by column from the west, turning at the ends.

use super::sweep::Sweep;

pub(super) fn strategy() -> Sweep {
    Sweep::new("vertical_scan", columns_there_and_back)
}

/// All cells, north to south in even columns and back in odd ones.
fn columns_there_and_back(width: usize, height: usize) -> Vec<(usize, usize)> {
    let along = |x: usize| (0..height).map(move |step| (x, if x.is_multiple_of(2) { step } else { height - 1 - step }));
    (0..width).flat_map(along).collect()
}
