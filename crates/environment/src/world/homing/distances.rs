//! Moves and turns to a station.

use crate::action::Heading;
use crate::map::{Cell, Map};

/// Distance of a pose from which the station cannot be reached.
const UNREACHABLE: u16 = u16::MAX;

/// Actions to station `own` from every pose. Ways go around the stations of others, where somebody may be charging, wherever
/// there is a way around. From every pose an action brings the robot closer.
pub(super) fn distances_to(map: &Map, own: usize) -> Vec<u16> {
    let station = map.stations()[own];
    let mut search = Search { map, distances: vec![UNREACHABLE; 4 * map.width() * map.height()] };
    let around = search.spread(Heading::ALL.map(|heading| (station, heading, 0)).to_vec(), true);
    let others = around.into_iter().filter(|(cell, ..)| *cell != station && map.stations().contains(cell));
    search.spread(others.collect(), false);
    search.distances
}

/// Breadth-first search against the direction of the actions.
struct Search<'a> {
    map: &'a Map,
    distances: Vec<u16>,
}

impl Search<'_> {
    /// Spreads from poses at known distances to all that are not reached yet, or not through cells of other stations; those
    /// that were reached.
    fn spread(&mut self, from: Vec<(Cell, Heading, u16)>, around_stations: bool) -> Vec<(Cell, Heading, u16)> {
        let mut queue = from;
        for (cell, heading, distance) in &queue {
            let at = self.at(*cell, *heading);
            self.distances[at] = *distance;
        }
        let mut next = 0;
        while let Some(&(cell, heading, distance)) = queue.get(next) {
            next += 1;
            let (dx, dy) = heading.delta();
            let (x, y) = (isize::from(cell.x) - dx as isize, isize::from(cell.y) - dy as isize);
            let passable = !around_stations || distance == 0 || !self.map.stations().contains(&cell);
            let behind = (passable && self.map.is_free(x, y)).then_some((Cell { x: x as u8, y: y as u8 }, heading));
            for (cell, heading) in
                [Some((cell, heading.left())), Some((cell, heading.right())), behind].into_iter().flatten()
            {
                let at = self.at(cell, heading);
                if self.distances[at] == UNREACHABLE {
                    self.distances[at] = distance + 1;
                    queue.push((cell, heading, distance + 1));
                }
            }
        }
        queue
    }

    fn at(&self, cell: Cell, heading: Heading) -> usize {
        4 * (usize::from(cell.y) * self.map.width() + usize::from(cell.x)) + heading as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A corridor with a bay: the way goes around the other station where the bay allows it, and through it where it must.
    #[test]
    fn ways_go_around_other_stations_and_always_descend() {
        let free = ["..........", "....#....#", "..........", "##########"];
        let obstacles = free.iter().flat_map(|row| row.bytes().map(|cell| cell == b'#')).collect();
        let stations = vec![Cell { x: 1, y: 1 }, Cell { x: 6, y: 2 }, Cell { x: 8, y: 2 }];
        let map = Map::new(10, 4, obstacles, stations.clone()).expect("a map");
        let ways: Vec<Vec<u16>> = (0..3).map(|station| distances_to(&map, station)).collect();
        let distance = |station: usize, cell: Cell, heading: Heading| {
            ways[station][4 * (usize::from(cell.y) * map.width() + usize::from(cell.x)) + heading as usize]
        };
        for robot in 0..3 {
            for (x, y) in (0..10).flat_map(|x| (0..3).map(move |y| (x, y))).filter(|(x, y)| map.is_free(*x, *y)) {
                for heading in Heading::ALL {
                    let cell = Cell { x: x as u8, y: y as u8 };
                    let way = distance(robot, cell, heading);
                    assert!(way < UNREACHABLE, "{robot} {cell:?} {heading:?}");
                    let (dx, dy) = heading.delta();
                    let ahead = (x + dx as isize, y + dy as isize);
                    let forward = map.is_free(ahead.0, ahead.1).then_some(Cell { x: ahead.0 as u8, y: ahead.1 as u8 });
                    let next =
                        [Some((cell, heading.left())), Some((cell, heading.right())), forward.map(|c| (c, heading))];
                    let least = next.into_iter().flatten().map(|(cell, heading)| distance(robot, cell, heading));
                    assert!(way == 0 || least.min() < Some(way), "{robot} {cell:?} {heading:?}");
                }
            }
        }
        // Straight on through (6, 2) would be seven moves and a turn; along the northern wall it is nine moves and three turns.
        assert_eq!(distance(0, Cell { x: 7, y: 2 }, Heading::West), 12);
    }
}
