//! Plans, for the whole team, the ways of those who must charge and of those who stand in them.
//!
//! Robots that must charge plan first, the one with the least to spare before the others (prioritised planning; Silver 2005).
//! Everybody else may go where they like as long as they are out of the way in time; one that cannot any more is told where
//! to go. A plan is judged by the steps that the worst off can still be delayed when everybody did as planned; if those are
//! few, other orders and other claims are tried.

use super::Homing;
use crate::roads::{Pose, cell_of};
use crate::world::Robot;

/// Steps that a robot without a way home is thought to wait for one.
const HOMELESS: f64 = 40.0;
/// Steps by which a plan is worse in which somebody cannot get out of the way.
const STUCK: f64 = 1_000.0;
/// Steps of delay that a plan should leave to everybody; with less, others are tried.
const COMFORTABLE: f64 = 12.0;
/// Steps that a way home may take beyond twice the distance.
const LONGEST_DELAY: usize = 120;

/// A robot that leaves before the others plan, and the cells that it may go to.
type Leader = (usize, Vec<bool>);

impl Homing {
    /// Plans with the claims there are, those with the least to spare first. If somebody then arrives with little charge or
    /// not at all, tries to let each other robot plan first, and other claims of the one that is worst off, and keeps the
    /// best.
    pub(super) fn plan(&mut self, robots: &[Robot], now: u32) {
        let (mut best, worst) = self.plan_in_order(robots, now, None);
        let returning = self.returning;
        for first in (0..robots.len()).filter(|index| returning[*index]) {
            if best < COMFORTABLE {
                self.keep_if_better(&mut best, |homing| homing.plan_in_order(robots, now, Some(first)).0);
            }
        }
        for resting in 0..robots.len() {
            if best < COMFORTABLE && !returning[resting] && self.rests(resting, &robots[resting]) {
                self.keep_if_better(&mut best, |homing| homing.plan_without_rest(robots, now, resting));
            }
        }
        for other in (0..robots.len()).filter(|other| *other != worst && robots[*other].alive()) {
            if best < COMFORTABLE {
                self.keep_if_better(&mut best, |homing| homing.plan_with_swap(robots, now, worst, other));
            }
        }
    }

    /// Keeps another plan if it leaves more to spare than `best`.
    fn keep_if_better(&mut self, best: &mut f64, plan: impl FnOnce(&mut Self) -> f64) {
        let before = (self.claims, self.returning, self.ways.clone(), self.unsolved);
        let spare = plan(self);
        if spare > *best {
            *best = spare;
        } else {
            (self.claims, self.returning, self.ways, self.unsolved) = before;
        }
    }

    /// Plans as if a robot that rests were ready to leave its station for a while; what that leaves to spare.
    fn plan_without_rest(&mut self, robots: &[Robot], now: u32, index: usize) -> f64 {
        self.released = Some(index);
        let (spare, _) = self.plan_in_order(robots, now, None);
        self.released = None;
        spare
    }

    /// Plans after two robots exchanged their claims; what that leaves to spare.
    fn plan_with_swap(&mut self, robots: &[Robot], now: u32, a: usize, b: usize) -> f64 {
        self.claims.swap(a, b);
        for index in [a, b] {
            let robot = &robots[index];
            let must = self.slack(index, robot.cell, robot.heading, robot.battery) < 0.0;
            self.returning[index] = robot.cell != self.station(index) && (must || self.returning[index]);
        }
        self.plan_in_order(robots, now, None).0
    }

    /// Plans; the steps that the worst off can still be delayed, and which one that is.
    fn plan_in_order(&mut self, robots: &[Robot], now: u32, first: Option<usize>) -> (f64, usize) {
        let mut leaders: Vec<Leader> = Vec::new();
        loop {
            self.plan_after(robots, now, first, &leaders);
            let stuck = self.clear_ways(robots, now);
            let homeless = (0..robots.len()).any(|robot| self.returning[robot] && !self.ways.has(robot));
            self.unsolved = homeless || stuck.is_some();
            let leader = stuck.filter(|stuck| leaders.iter().all(|(robot, _)| robot != stuck));
            match leader.and_then(|leader| Some((leader, self.refuges(robots, leader)?))) {
                Some(leader) => leaders.push(leader),
                None => return self.worst_off(robots, stuck),
            }
        }
    }

    /// The least number of steps that a robot can be delayed after it did as planned, and which robot that is.
    fn worst_off(&self, robots: &[Robot], stuck: Option<usize>) -> (f64, usize) {
        let spare = |index: usize| {
            let way = self.ways.way(index);
            let homeless = way.is_empty() && self.returning[index];
            let end = way.last().copied().unwrap_or(self.pose_of(&robots[index]));
            let home = if homeless { self.to_nearest(end) } else { self.way_to(usize::from(self.claims[index]), end) };
            let setback = if homeless { HOMELESS } else { 0.0 } + if stuck == Some(index) { STUCK } else { 0.0 };
            let steps = way.len().saturating_sub(1) as f64 + f64::from(home);
            robots[index].battery / self.drain - steps - setback
        };
        let at_home = |index: usize| robots[index].cell == self.station(index) && self.ways.way(index).len() < 2;
        let walkers = (0..robots.len()).filter(|index| robots[*index].alive() && !at_home(*index));
        let spares = walkers.map(|index| (spare(index), index));
        spares.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 0))
    }

    /// Plans the ways of those who cannot move, of the leaders, and of those who must charge.
    fn plan_after(&mut self, robots: &[Robot], now: u32, first: Option<usize>, leaders: &[Leader]) {
        self.ways.start_anew(now);
        for (index, robot) in robots.iter().enumerate() {
            let rests = self.rests(index, robot) && !self.returning[index] && self.released != Some(index);
            if !robot.alive() || rests {
                self.ways.set(index, vec![self.pose_of(robot)]);
            }
        }
        self.ways.close(&self.roads);
        for (leader, goals) in leaders {
            self.get_away(robots, *leader, |_, pose, _| goals[cell_of(pose)]);
        }
        let mut order: Vec<usize> = (0..robots.len()).filter(|robot| self.returning[*robot]).collect();
        let urgency = |index: usize| (Some(index) != first, self.spare_steps(robots, index));
        order.sort_by(|a, b| urgency(*a).0.cmp(&urgency(*b).0).then(urgency(*a).1.total_cmp(&urgency(*b).1)));
        for robot in order {
            if !self.ways.has(robot) {
                self.go_home(robots, robot);
            }
        }
    }

    /// Steps to the nearest station.
    fn to_nearest(&self, pose: Pose) -> u16 {
        (0..self.stations.len()).map(|station| self.way_to(station, pose)).min().unwrap_or(0)
    }

    /// Steps by which the robot can be delayed at most on its way to its station.
    fn spare_steps(&self, robots: &[Robot], index: usize) -> f64 {
        let way = self.way_to(usize::from(self.claims[index]), self.pose_of(&robots[index]));
        robots[index].battery / self.drain - f64::from(way)
    }

    /// Plans the way to the robot's station, if there is one.
    fn go_home(&mut self, robots: &[Robot], index: usize) {
        let (station, from) = (usize::from(self.claims[index]), self.pose_of(&robots[index]));
        let lasts = (robots[index].battery / self.drain) as usize;
        let limit = lasts.min(2 * usize::from(self.way_to(station, from)) + LONGEST_DELAY);
        let arrives =
            |pose: Pose, steps: usize| self.way_to(station, pose) == 0 && self.ways.is_free_after(cell_of(pose), steps);
        let way = self.search(from, limit, (&[], 0), |pose| self.way_to(station, pose), arrives);
        self.follow(index, way);
    }
}
