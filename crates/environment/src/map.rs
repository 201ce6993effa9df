//! The fixed part of a world: where obstacles and charging stations are.

use crate::config::{MAX_ROBOTS, SIDE_RANGE};
use crate::error::MapError;

/// A cell, x to the right and y down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell {
    /// Column, from the west.
    pub x: u8,
    /// Row, from the north.
    pub y: u8,
}

/// Obstacles and charging stations. Free cells are connected; robot `i` owns station `i`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    width: usize,
    height: usize,
    obstacles: Vec<bool>,
    stations: Vec<Cell>,
    free_cells: usize,
}

impl Map {
    /// Builds a map of `width`×`height` cells from row-major obstacles (`true` = blocked) and one station per robot.
    ///
    /// # Errors
    /// If sizes do not fit, free cells are not connected, or a station is not on a free interior cell of its own
    /// with a free cell to its north.
    pub fn new(width: usize, height: usize, obstacles: Vec<bool>, stations: Vec<Cell>) -> Result<Self, MapError> {
        if !SIDE_RANGE.contains(&width) || !SIDE_RANGE.contains(&height) {
            return Err(MapError::Invalid("width and height must be within 3 to 100"));
        }
        if obstacles.len() != width * height {
            return Err(MapError::Invalid("obstacles must have one entry per cell"));
        }
        let free_cells = obstacles.iter().filter(|blocked| !**blocked).count();
        let map = Self { width, height, obstacles, stations, free_cells };
        map.check_stations()?;
        if !free_cells_connected(width, height, &map.obstacles) {
            return Err(MapError::Invalid("free cells must be connected"));
        }
        Ok(map)
    }

    /// Cells from west to east.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Cells from north to south.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Row-major, `true` = blocked; index `y * width + x`.
    pub fn obstacles(&self) -> &[bool] {
        &self.obstacles
    }

    /// Charging stations, one per robot.
    pub fn stations(&self) -> &[Cell] {
        &self.stations
    }

    /// Number of cells without an obstacle, at least 1.
    pub fn free_cells(&self) -> usize {
        self.free_cells
    }

    /// Whether a robot may stand at (`x`, `y`); `false` outside the grid.
    pub fn is_free(&self, x: isize, y: isize) -> bool {
        // Negative numbers become large ones.
        let (x, y) = (x as usize, y as usize);
        (x < self.width) & (y < self.height) && !self.obstacles[y * self.width + x]
    }

    /// Obstacles as a bitmap: bit `i % 8` of byte `i / 8` is cell `i = y * width + x`.
    pub fn packed_obstacles(&self) -> Vec<u8> {
        let mut packed = vec![0u8; self.obstacles.len().div_ceil(8)];
        for (index, _) in self.obstacles.iter().enumerate().filter(|(_, blocked)| **blocked) {
            packed[index / 8] |= 1 << (index % 8);
        }
        packed
    }

    /// The inverse of [`Map::packed_obstacles`].
    ///
    /// # Errors
    /// As [`Map::new`].
    pub fn from_packed(width: usize, height: usize, packed: &[u8], stations: Vec<Cell>) -> Result<Self, MapError> {
        if !SIDE_RANGE.contains(&width) || !SIDE_RANGE.contains(&height) {
            return Err(MapError::Invalid("width and height must be within 3 to 100"));
        }
        if packed.len() != (width * height).div_ceil(8) {
            return Err(MapError::Invalid("the bitmap must have one bit per cell"));
        }
        let obstacles = (0..width * height).map(|index| packed[index / 8] >> (index % 8) & 1 == 1).collect();
        Self::new(width, height, obstacles, stations)
    }

    /// 64-bit FNV-1a over size, bitmap and stations: equal maps have equal hashes.
    /// Fowler, Noll, Vo, draft-eastlake-fnv.
    pub fn map_hash(&self) -> u64 {
        let size = [self.width as u8, self.height as u8, self.stations.len() as u8];
        let stations = self.stations.iter().flat_map(|cell| [cell.x, cell.y]);
        size.into_iter()
            .chain(self.packed_obstacles())
            .chain(stations)
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    }

    fn check_stations(&self) -> Result<(), MapError> {
        if self.stations.is_empty() || self.stations.len() > MAX_ROBOTS {
            return Err(MapError::Invalid("there must be 1 to 10 stations"));
        }
        for (index, station) in self.stations.iter().enumerate() {
            if self.stations[..index].contains(station) {
                return Err(MapError::Invalid("stations must differ"));
            }
            if !is_station_site(self.width, self.height, &self.obstacles, *station) {
                return Err(MapError::Invalid("a station needs a free interior cell with a free cell to its north"));
            }
        }
        Ok(())
    }
}

/// Whether a charging station may stand at `cell`: free, not on the rim, free to its north.
pub fn is_station_site(width: usize, height: usize, obstacles: &[bool], cell: Cell) -> bool {
    let (x, y) = (usize::from(cell.x), usize::from(cell.y));
    let interior = x >= 1 && y >= 1 && x + 1 < width && y + 1 < height;
    interior && !obstacles[y * width + x] && !obstacles[(y - 1) * width + x]
}

/// Whether every free cell can be reached from every other by steps to the four neighbours. A map without a free
/// cell is not connected.
pub fn free_cells_connected(width: usize, height: usize, obstacles: &[bool]) -> bool {
    let Some(start) = obstacles.iter().position(|blocked| !blocked) else { return false };
    let mut seen = obstacles.to_vec();
    let mut frontier = vec![start];
    seen[start] = true;
    while let Some(cell) = frontier.pop() {
        let (x, y) = (cell % width, cell / width);
        let neighbours = [
            (x > 0).then(|| cell - 1),
            (x + 1 < width).then_some(cell + 1),
            (y > 0).then(|| cell - width),
            (y + 1 < height).then_some(cell + width),
        ];
        for next in neighbours.into_iter().flatten().filter(|next| !std::mem::replace(&mut seen[*next], true)) {
            frontier.push(next);
        }
    }
    seen.into_iter().all(|reached| reached)
}
