//! Moves and turns to a station.

use crate::action::Action;
use crate::map::{Cell, Map};
use crate::roads::{Pose, Roads, cell_of};

/// Distance of a pose from which the station cannot be reached.
const UNREACHABLE: u16 = u16::MAX;

/// Actions to station `own` from every pose. Ways go around the stations of others, where somebody may be charging, wherever
/// there is a way around. From every pose an action brings the robot closer.
pub(super) fn distances_to(map: &Map, roads: &Roads, own: usize) -> Vec<u16> {
    let index_of = |cell: &Cell| usize::from(cell.y) * map.width() + usize::from(cell.x);
    let stations: Vec<usize> = map.stations().iter().map(index_of).collect();
    let station = stations[own];
    let mut search = Search { roads, stations: &stations, distances: vec![UNREACHABLE; roads.poses()] };
    let around = search.spread((4 * station..4 * station + 4).map(|pose| (pose as Pose, 0)).collect(), true);
    let at_others = |(pose, _): &(Pose, u16)| cell_of(*pose) != station && stations.contains(&cell_of(*pose));
    search.spread(around.into_iter().filter(at_others).collect(), false);
    search.distances
}

/// Breadth-first search against the direction of the actions.
struct Search<'a> {
    roads: &'a Roads,
    stations: &'a [usize],
    distances: Vec<u16>,
}

impl Search<'_> {
    /// Spreads from poses at known distances to all that are not reached yet, or not through cells of other stations; those
    /// that were reached.
    fn spread(&mut self, from: Vec<(Pose, u16)>, around_stations: bool) -> Vec<(Pose, u16)> {
        let mut queue = from;
        queue.iter().for_each(|(pose, distance)| self.distances[usize::from(*pose)] = *distance);
        let mut next = 0;
        while let Some(&(pose, distance)) = queue.get(next) {
            next += 1;
            let passable = !around_stations || distance == 0 || !self.stations.contains(&cell_of(pose));
            let turned = [Action::TurnLeft, Action::TurnRight].map(|turn| self.roads.after(pose, turn));
            let behind = self.roads.behind(pose).filter(|_| passable);
            for source in turned.into_iter().chain(behind) {
                if self.distances[usize::from(source)] == UNREACHABLE {
                    self.distances[usize::from(source)] = distance + 1;
                    queue.push((source, distance + 1));
                }
            }
        }
        queue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Heading;

    /// A corridor with a bay: the way goes around the other station where the bay allows it, and through it where it must.
    #[test]
    fn ways_go_around_other_stations_and_always_descend() {
        let free = ["..........", "....#....#", "..........", "##########"];
        let obstacles = free.iter().flat_map(|row| row.bytes().map(|cell| cell == b'#')).collect();
        let stations = vec![Cell { x: 1, y: 1 }, Cell { x: 6, y: 2 }, Cell { x: 8, y: 2 }];
        let map = Map::new(10, 4, obstacles, stations.clone()).expect("a map");
        let ways: Vec<Vec<u16>> = (0..3).map(|station| distances_to(&map, &Roads::new(&map), station)).collect();
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
