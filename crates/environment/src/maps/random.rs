//! Single obstacles on an open floor.

use crate::map::free_cells_connected;
use crate::rng::below;
use rand_chacha::ChaCha8Rng;

/// Draws per cell of the grid before a map is given up.
const DRAWS_PER_CELL: usize = 50;

/// `count` obstacles (3 to 8 if `None`; at most half of the grid) on distinct cells, row-major, `true` = blocked.
///
/// Obstacles are placed one by one, each uniformly among the cells that do not cut the floor in two, so dense maps are
/// found as surely as sparse ones. `None` if the draws run out.
pub fn generate(width: usize, height: usize, count: Option<usize>, rng: &mut ChaCha8Rng) -> Option<Vec<bool>> {
    let mut obstacles = vec![false; width * height];
    let mut missing = count.unwrap_or_else(|| 3 + below(rng, 6)).min(width * height / 2);
    for _ in 0..DRAWS_PER_CELL * width * height {
        if missing == 0 {
            return Some(obstacles);
        }
        let cell = below(rng, width * height);
        if !obstacles[cell] && keeps_floor_connected(width, height, &mut obstacles, cell) {
            obstacles[cell] = true;
            missing -= 1;
        }
    }
    None
}

/// Whether the free cells other than `cell` are connected. Looks at the eight neighbours first: if the free ones among
/// the four sides hang together around the cell, nothing farther away can matter.
fn keeps_floor_connected(width: usize, height: usize, obstacles: &mut [bool], cell: usize) -> bool {
    if free_runs_around(width, height, obstacles, cell) == 1 {
        return true;
    }
    obstacles[cell] = true;
    let connected = free_cells_connected(width, height, obstacles);
    obstacles[cell] = false;
    connected
}

/// Number of runs of free cells on the ring around `cell` that hold a side neighbour.
fn free_runs_around(width: usize, height: usize, obstacles: &[bool], cell: usize) -> usize {
    // Clockwise from the north; sides are at even places.
    const RING: [(isize, isize); 8] = [(0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1)];
    let (x, y) = ((cell % width) as isize, (cell / width) as isize);
    let free = RING.map(|(dx, dy)| {
        let (x, y) = (x + dx, y + dy);
        let inside = x >= 0 && y >= 0 && x < width as isize && y < height as isize;
        inside && !obstacles[y as usize * width + x as usize]
    });
    if free.iter().all(|free| *free) {
        return 1;
    }
    // A side belongs to the run of the side before it if both and the corner between them are free.
    (0..8).step_by(2).filter(|side| free[*side] && !(free[(side + 7) % 8] && free[(side + 6) % 8])).count()
}
