//! The way home: which charging station a robot relies on, and when it must go there.
//!
//! Robot `i` owns station `i`. A robot that always keeps enough charge to reach its own station never runs empty unless
//! others block its way for longer than it allows for.

use crate::action::{Action, Heading};
use crate::map::{Cell, Map};
use crate::world::{Robot, World};

/// Battery kept in reserve on arrival.
const RESERVE: f64 = 2.0;
/// Steps of delay that a robot allows for: alone, and per team mate who may be in its way.
const DELAY: f64 = 4.0;
const DELAY_PER_TEAM_MATE: f64 = 8.0;
/// Detour that a robot in a team allows for, as a share of its way.
const DETOUR: f64 = 0.5;
/// Below this charge a robot on its station stays there.
const HALF_CHARGED: f64 = 50.0;
/// Distance of a pose from which the station cannot be reached.
const UNREACHABLE: u16 = u16::MAX;

/// Ways to the robots' own stations, in an episode that batteries do not outlast.
#[derive(Clone, Debug)]
pub(crate) struct Homing {
    drain: f64,
    width: usize,
    stations: Vec<Cell>,
    /// Per robot and pose (`4 * cell + heading`): actions to the station.
    distances: Vec<Vec<u16>>,
}

impl Homing {
    /// `None` if every battery lasts for the `steps` of the episode.
    pub fn new(map: &Map, drain: f64, steps: u32) -> Option<Self> {
        if drain * f64::from(steps) + RESERVE < 100.0 {
            return None;
        }
        let distances = (0..map.stations().len()).map(|own| distances_to(map, own)).collect();
        Some(Self { drain, width: map.width(), stations: map.stations().to_vec(), distances })
    }

    /// The robot's own station.
    pub fn station(&self, robot: usize) -> Cell {
        self.stations[robot]
    }

    /// Moves and turns to the robot's own station.
    pub fn distance(&self, robot: usize, cell: Cell, heading: Heading) -> u16 {
        self.distances[robot][4 * (usize::from(cell.y) * self.width + usize::from(cell.x)) + heading as usize]
    }

    /// Charge that is left over at a pose after the way to the station with all delays that are allowed for.
    pub fn slack(&self, robot: usize, cell: Cell, heading: Heading, battery: f64) -> f64 {
        let team_mates = (self.stations.len() - 1) as f64;
        let way = f64::from(self.distance(robot, cell, heading));
        let detour = if team_mates > 0.0 { 1.0 + DETOUR } else { 1.0 };
        battery - self.drain * (way * detour + DELAY + DELAY_PER_TEAM_MATE * team_mates) - RESERVE
    }
}

impl World {
    /// What of `mask` leaves the robot a way home. Where nothing does, what brings it closest; a robot on its station stays
    /// until it is half charged, and one on the station of another does not linger.
    pub(super) fn safe_actions(&self, homing: &Homing, index: usize, mask: u8) -> u8 {
        let robot = &self.robots[index];
        let way = homing.distance(index, robot.cell, robot.heading);
        if way == 0 && robot.battery < HALF_CHARGED {
            return Action::Patrol.bit();
        }
        let mut mask = mask;
        if way > 0 && robot.charging {
            mask = without(mask, Action::Patrol);
        }
        if self.gives_way(index) {
            mask = without(mask, Action::Forward);
        }
        let allowed = || Action::ALL.into_iter().filter(|action| mask & action.bit() != 0);
        let bits = |keep: &dyn Fn(Action) -> bool| {
            allowed().filter(|action| keep(*action)).fold(0, |bits, action| bits | action.bit())
        };
        let safe = bits(&|action| {
            let (cell, heading) = self.pose_after(robot, action);
            homing.distance(index, cell, heading) == 0
                || homing.slack(index, cell, heading, robot.battery - homing.drain) >= 0.0
        });
        if safe != 0 {
            return safe;
        }
        let closer = bits(&|action| {
            let (cell, heading) = self.pose_after(robot, action);
            homing.distance(index, cell, heading) < way
        });
        if closer != 0 { closer } else { mask }
    }

    /// Robots that want the same cell all stay, for ever if none gives way: every second step those with a lower number go
    /// first.
    fn gives_way(&self, index: usize) -> bool {
        let Some(mine) = self.cell_ahead(&self.robots[index]) else { return false };
        let wants = |other: &Robot| other.alive() && self.cell_ahead(other) == Some(mine);
        self.step.is_multiple_of(2) && self.robots[..index].iter().any(wants)
    }

    /// Where an action leads if nobody is in the way.
    pub(crate) fn pose_after(&self, robot: &Robot, action: Action) -> (Cell, Heading) {
        match action {
            Action::Forward => (self.cell_ahead(robot).unwrap_or(robot.cell), robot.heading),
            Action::TurnLeft => (robot.cell, robot.heading.left()),
            Action::TurnRight => (robot.cell, robot.heading.right()),
            Action::Patrol => (robot.cell, robot.heading),
        }
    }
}

/// The other allowed actions, if there are any.
fn without(mask: u8, action: Action) -> u8 {
    if mask == action.bit() { mask } else { mask & !action.bit() }
}

/// Actions to station `own` from every pose. Ways go around the stations of others, where somebody may be charging, wherever
/// there is a way around. From every pose an action brings the robot closer.
fn distances_to(map: &Map, own: usize) -> Vec<u16> {
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
        let homing = Homing::new(&map, 0.5, 1000).expect("batteries matter");
        for robot in 0..3 {
            for (x, y) in (0..10).flat_map(|x| (0..3).map(move |y| (x, y))).filter(|(x, y)| map.is_free(*x, *y)) {
                for heading in Heading::ALL {
                    let cell = Cell { x: x as u8, y: y as u8 };
                    let way = homing.distance(robot, cell, heading);
                    assert!(way < UNREACHABLE, "{robot} {cell:?} {heading:?}");
                    let (dx, dy) = heading.delta();
                    let ahead = (x + dx as isize, y + dy as isize);
                    let forward = map.is_free(ahead.0, ahead.1).then_some(Cell { x: ahead.0 as u8, y: ahead.1 as u8 });
                    let next =
                        [Some((cell, heading.left())), Some((cell, heading.right())), forward.map(|c| (c, heading))];
                    let least = next.into_iter().flatten().map(|(cell, heading)| homing.distance(robot, cell, heading));
                    assert!(way == 0 || least.min() < Some(way), "{robot} {cell:?} {heading:?}");
                }
            }
        }
        // Straight on through (6, 2) would be seven moves and a turn; along the northern wall it is nine moves and three turns.
        assert_eq!(homing.distance(0, Cell { x: 7, y: 2 }, Heading::West), 12);
    }
}
