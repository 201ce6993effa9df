//! Ring by ring from the rim to the middle, clockwise, and back out.

use super::sweep::Sweep;

pub(super) fn strategy() -> Sweep {
    Sweep::new("spiral", inward_spiral)
}

/// All cells along a clockwise spiral from the north-west corner to the middle.
fn inward_spiral(width: usize, height: usize) -> Vec<(usize, usize)> {
    let (mut left, mut top, mut right, mut bottom) = (0, 0, width, height);
    let mut cells = Vec::with_capacity(width * height);
    while left < right && top < bottom {
        cells.extend((left..right).map(|x| (x, top)));
        cells.extend((top + 1..bottom).map(|y| (right - 1, y)));
        if bottom - top > 1 {
            cells.extend((left..right - 1).rev().map(|x| (x, bottom - 1)));
        }
        if right - left > 1 {
            cells.extend((top + 1..bottom - 1).rev().map(|y| (left, y)));
        }
        (left, top, right, bottom) = (left + 1, top + 1, right - 1, bottom - 1);
    }
    cells
}
