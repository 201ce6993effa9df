//! The way home: which charging station a robot relies on, when it must go there, and who makes way for it.
//!
//! Every robot has a claim to one station. A robot that always keeps enough charge to reach it never runs empty unless
//! others block its way for longer than it allows for. So that they do not, a robot that must go to charge goes by a way
//! that is planned for the whole team (`homing/team_plan.rs`), and nobody else is on it when it comes.

mod codec;
mod distances;
mod escort;
mod giving_way;
mod search;
mod team_plan;
mod ways;

use crate::action::{Action, Heading};
use crate::config::MAX_ROBOTS;
use crate::map::{Cell, Map};
use crate::roads::{Pose, Roads};
use crate::world::{Robot, World};
use ways::Ways;

/// Battery kept in reserve on arrival.
const RESERVE: f64 = 2.0;
/// Steps of delay that a robot allows for: alone, and per team mate who may be in its way.
const DELAY: f64 = 4.0;
const DELAY_PER_TEAM_MATE: f64 = 8.0;
/// Detour that a robot in a team allows for, as a share of its way.
const DETOUR: f64 = 0.5;
/// Below this charge a robot on its station stays there if it can.
const HALF_CHARGED: f64 = 50.0;
/// Below this charge nobody makes a robot leave the station where it charges, unless somebody else would run empty.
const RESTED: f64 = 30.0;

/// Whether no battery runs low within so many steps.
pub(crate) fn batteries_last(drain: f64, steps: u32) -> bool {
    drain * f64::from(steps) + RESERVE < 100.0
}

/// Ways to the charging stations, in an episode that batteries do not outlast.
#[derive(Clone, Debug)]
pub(crate) struct Homing {
    drain: f64,
    width: usize,
    stations: Vec<Cell>,
    /// Per station and pose: actions to the station.
    distances: Vec<Vec<u16>>,
    roads: Roads,
    /// Each robot's station.
    claims: [u8; MAX_ROBOTS],
    /// Robots on their way to charge.
    returning: [bool; MAX_ROBOTS],
    /// Robots that charge on their station and have little.
    resting: [bool; MAX_ROBOTS],
    /// Robots that ran empty.
    lost: [bool; MAX_ROBOTS],
    ways: Ways,
    /// A robot that is not to rest in the plan that is being made.
    released: Option<usize>,
    /// Somebody found no way, or cannot get out of the way: to be planned again soon.
    unsolved: bool,
}

impl Homing {
    /// `None` if every battery lasts for the `steps` of the episode.
    pub fn new(map: &Map, drain: f64, steps: u32) -> Option<Self> {
        if batteries_last(drain, steps) {
            return None;
        }
        let (robots, roads) = (map.stations().len(), Roads::new(map));
        Some(Self {
            drain,
            width: map.width(),
            stations: map.stations().to_vec(),
            distances: (0..robots).map(|station| distances::distances_to(map, &roads, station)).collect(),
            roads,
            claims: std::array::from_fn(|robot| robot as u8),
            returning: [false; MAX_ROBOTS],
            resting: [false; MAX_ROBOTS],
            lost: [false; MAX_ROBOTS],
            ways: Ways::new(robots, map.width() * map.height()),
            released: None,
            unsolved: false,
        })
    }

    /// The station that the robot relies on.
    pub fn station(&self, robot: usize) -> Cell {
        self.stations[usize::from(self.claims[robot])]
    }

    /// Moves and turns to that station.
    pub fn distance(&self, robot: usize, cell: Cell, heading: Heading) -> u16 {
        self.way_to(usize::from(self.claims[robot]), self.pose(cell, heading))
    }

    /// Charge that is left over at a pose after the way to the station with all delays that are allowed for.
    pub fn slack(&self, robot: usize, cell: Cell, heading: Heading, battery: f64) -> f64 {
        self.slack_for(usize::from(self.claims[robot]), self.pose(cell, heading), battery)
    }

    /// What the robot is to do now whatever it would like, because it must charge or is in the way of one that must.
    pub fn order(&self, index: usize, robot: &Robot, now: u32) -> Option<Action> {
        let next = self.ways.next_action(index, self.pose_of(robot), now);
        if next.is_none() && self.returning[index] {
            return Some(self.permitted(index, robot, Action::Patrol, now));
        }
        next.or(self.rests(index, robot).then_some(Action::Patrol))
    }

    /// Charge that lasts for so many steps.
    pub fn needed(&self, steps: u32) -> f64 {
        self.drain * f64::from(steps) + RESERVE
    }

    /// Whether the robot is on its way to charge.
    pub fn returns(&self, robot: usize) -> bool {
        self.returning[robot]
    }

    /// The wish, if nobody is in the way of a robot that must charge by it; else to stay if that is in nobody's way; else
    /// whatever gets the robot out of the way soonest.
    pub fn permitted(&self, index: usize, robot: &Robot, wish: Action, now: u32) -> Action {
        if self.ways.is_empty() || self.ways.has(index) {
            return wish;
        }
        let pose = self.pose_of(robot);
        let after = |action: Action| {
            let next = self.roads.after(pose, action);
            if action == Action::Forward && self.ways.is_occupied(next) { pose } else { next }
        };
        let open = |action: &Action| self.ways.is_open(after(*action), now + 1);
        if let Some(action) = [wish, Action::Patrol].into_iter().find(open) {
            return action;
        }
        Action::ALL.into_iter().max_by_key(|action| self.ways.deadline(after(*action))).unwrap_or(wish)
    }

    fn way_to(&self, station: usize, pose: Pose) -> u16 {
        self.distances[station][usize::from(pose)]
    }

    fn slack_for(&self, station: usize, pose: Pose, battery: f64) -> f64 {
        let team_mates = (self.stations.len() - 1) as f64;
        let way = f64::from(self.way_to(station, pose));
        let detour = if team_mates > 0.0 { 1.0 + DETOUR } else { 1.0 };
        battery - self.drain * (way * detour + DELAY + DELAY_PER_TEAM_MATE * team_mates) - RESERVE
    }

    /// Whether the robot charges on its station and has little.
    fn rests(&self, index: usize, robot: &Robot) -> bool {
        self.resting[index] && robot.cell == self.station(index) && robot.battery < RESTED
    }

    fn pose_of(&self, robot: &Robot) -> Pose {
        self.pose(robot.cell, robot.heading)
    }

    fn pose(&self, cell: Cell, heading: Heading) -> Pose {
        (4 * (usize::from(cell.y) * self.width + usize::from(cell.x)) + heading as usize) as Pose
    }
}

impl World {
    /// What the robot is to do whatever it would like.
    pub(crate) fn order(&self, index: usize) -> Option<Action> {
        self.homing.as_ref()?.order(index, &self.robots[index], self.step)
    }

    /// What of `mask` leaves the robot a way home and others theirs. Where nothing does, what brings it closest; a robot on
    /// its station stays until it is half charged, and one on the station of another does not linger.
    pub(super) fn safe_actions(&self, homing: &Homing, index: usize, mask: u8) -> u8 {
        let robot = &self.robots[index];
        if let Some(order) = homing.order(index, robot, self.step) {
            return order.bit();
        }
        let way = homing.distance(index, robot.cell, robot.heading);
        if way == 0 && robot.battery < HALF_CHARGED {
            return homing.permitted(index, robot, Action::Patrol, self.step).bit();
        }
        let mut mask = self.unobtrusive(homing, index, mask);
        if way > 0 && robot.charging {
            mask = without(mask, Action::Patrol);
        }
        if self.gives_way(index) {
            mask = without(mask, Action::Forward);
        }
        let bits = |keep: &dyn Fn(Action) -> bool| {
            let allowed = Action::ALL.into_iter().filter(|action| mask & action.bit() != 0);
            allowed.filter(|action| keep(*action)).fold(0, |bits, action| bits | action.bit())
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

    /// What of `mask` is in nobody's way who must charge. Where all is, to stay if that is not, else what gets the robot out
    /// of the way soonest.
    pub(super) fn unobtrusive(&self, homing: &Homing, index: usize, mask: u8) -> u8 {
        let robot = &self.robots[index];
        let permitted = |action: Action| homing.permitted(index, robot, action, self.step);
        let allowed = Action::ALL.into_iter().filter(|action| mask & action.bit() != 0);
        let kept = allowed.filter(|action| permitted(*action) == *action).fold(0, |bits, action| bits | action.bit());
        if kept != 0 { kept } else { permitted(Action::Patrol).bit() }
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
        let ahead = self.cell_ahead(robot).filter(|_| action == Action::Forward);
        (ahead.unwrap_or(robot.cell), robot.heading.after(action))
    }
}

/// The other allowed actions, if there are any.
fn without(mask: u8, action: Action) -> u8 {
    if mask == action.bit() { mask } else { mask & !action.bit() }
}
