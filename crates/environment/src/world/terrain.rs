//! What follows from the map alone, computed once per map.

use crate::map::{Cell, Map};
use std::collections::VecDeque;

/// Distance of a cell from which no station can be reached, and of obstacles.
pub(crate) const UNREACHABLE: u16 = u16::MAX;

/// Distances to charging stations.
#[derive(Clone, Debug)]
pub(crate) struct Terrain {
    /// Per cell, row-major: steps over free cells to the nearest station; [`UNREACHABLE`] for obstacles.
    pub station_path: Vec<u16>,
}

impl Terrain {
    /// Breadth-first search from all stations at once.
    pub fn new(map: &Map) -> Self {
        let width = map.width();
        let mut station_path = vec![UNREACHABLE; width * map.height()];
        let mut frontier: VecDeque<Cell> = map.stations().iter().copied().collect();
        for station in map.stations() {
            station_path[usize::from(station.y) * width + usize::from(station.x)] = 0;
        }
        while let Some(cell) = frontier.pop_front() {
            let next = station_path[usize::from(cell.y) * width + usize::from(cell.x)] + 1;
            for (dx, dy) in [(0, -1), (1, 0), (0, 1), (-1, 0)] {
                let (x, y) = (isize::from(cell.x) + dx, isize::from(cell.y) + dy);
                if map.is_free(x, y) && station_path[y as usize * width + x as usize] == UNREACHABLE {
                    station_path[y as usize * width + x as usize] = next;
                    frontier.push_back(Cell { x: x as u8, y: y as u8 });
                }
            }
        }
        Self { station_path }
    }
}
