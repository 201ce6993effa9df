//! Rooms three to six cells wide, joined by corridors.

use crate::rng::below;
use rand_chacha::ChaCha8Rng;

/// Narrowest and widest room.
const SIDE: (usize, usize) = (3, 6);
/// One corridor in this many is an extra one, which makes a loop.
const EXTRA_CORRIDORS: usize = 3;

/// A room without its walls.
#[derive(Clone, Copy)]
struct Room {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

/// Places rooms at random wherever a wall of one cell is left between them, and joins each to the nearest earlier one by
/// a corridor with one bend; some get a second corridor. The rim is wall on sides of five cells or more.
/// Row-major, `true` = blocked.
pub fn generate(width: usize, height: usize, rng: &mut ChaCha8Rng) -> Vec<bool> {
    let mut obstacles = vec![true; width * height];
    let mut rooms: Vec<Room> = Vec::new();
    for _ in 0..width * height {
        let room = draw_room(width, height, rng);
        if rooms.iter().all(|other| room.is_apart_from(other)) {
            room.carve(width, &mut obstacles);
            if let Some(nearest) = rooms.iter().min_by_key(|other| room.distance_to(other)) {
                carve_corridor(width, &mut obstacles, room.centre(), nearest.centre(), below(rng, 2) == 0);
            }
            if rooms.len() > 1 && below(rng, EXTRA_CORRIDORS) == 0 {
                let other = rooms[below(rng, rooms.len())];
                carve_corridor(width, &mut obstacles, room.centre(), other.centre(), below(rng, 2) == 0);
            }
            rooms.push(room);
        }
    }
    obstacles
}

fn draw_room(width: usize, height: usize, rng: &mut ChaCha8Rng) -> Room {
    let (left, room_width) = draw_side(width, rng);
    let (top, room_height) = draw_side(height, rng);
    Room { left, top, width: room_width, height: room_height }
}

/// Start and length of a room along a side of the grid.
fn draw_side(side: usize, rng: &mut ChaCha8Rng) -> (usize, usize) {
    let rim = usize::from(side >= SIDE.0 + 2);
    let longest = SIDE.1.min(side - 2 * rim);
    let length = SIDE.0 + below(rng, longest - SIDE.0 + 1);
    (rim + below(rng, side - 2 * rim - length + 1), length)
}

impl Room {
    fn centre(&self) -> (usize, usize) {
        (self.left + self.width / 2, self.top + self.height / 2)
    }

    fn distance_to(&self, other: &Room) -> usize {
        let ((x, y), (other_x, other_y)) = (self.centre(), other.centre());
        x.abs_diff(other_x) + y.abs_diff(other_y)
    }

    /// Whether at least one cell is left between the two rooms.
    fn is_apart_from(&self, other: &Room) -> bool {
        let apart = |a: usize, a_length: usize, b: usize, b_length: usize| a > b + b_length || b > a + a_length;
        apart(self.left, self.width, other.left, other.width) || apart(self.top, self.height, other.top, other.height)
    }

    fn carve(&self, width: usize, obstacles: &mut [bool]) {
        for y in self.top..self.top + self.height {
            obstacles[y * width + self.left..y * width + self.left + self.width].fill(false);
        }
    }
}

/// A corridor one cell wide with one bend: along the row first, or along the column first.
fn carve_corridor(width: usize, obstacles: &mut [bool], from: (usize, usize), to: (usize, usize), row_first: bool) {
    let (bend_x, bend_y) = if row_first { (to.0, from.1) } else { (from.0, to.1) };
    for x in from.0.min(to.0)..=from.0.max(to.0) {
        obstacles[bend_y * width + x] = false;
    }
    for y in from.1.min(to.1)..=from.1.max(to.1) {
        obstacles[y * width + bend_x] = false;
    }
}
