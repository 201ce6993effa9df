//! When robots must go to charge, to which station, and when what was planned no longer fits.

use super::Homing;
use crate::world::Robot;

/// A robot that comes past its station charges if it would have to within about so many steps.
const SOON: f64 = 200.0;
/// Steps before a plan that solved not everything is made again.
const RETRY: u32 = 4;

impl Homing {
    /// What follows from where the robots are now, after `now` steps, with as many `remaining`.
    pub fn update(&mut self, robots: &[Robot], now: u32, remaining: u32) {
        let (mut stale, mut urgent) = (false, false);
        for index in 0..robots.len() {
            urgent |= self.sets_out(robots, index, remaining);
            stale |= self.is_overtaken(index, &robots[index], now);
        }
        if urgent || (stale && (!self.unsolved || now >= self.ways.made_at() + RETRY)) {
            self.plan(robots, now);
        }
    }

    /// Whether the robot must go to charge from now on; one that gains from another claim changes with a team mate.
    fn sets_out(&mut self, robots: &[Robot], index: usize, remaining: u32) -> bool {
        let robot = &robots[index];
        if !robot.alive() || self.returning[index] || robot.cell == self.station(index) {
            return false;
        }
        if robot.battery > self.needed(remaining) || self.slack(index, robot.cell, robot.heading, robot.battery) >= 0.0
        {
            return false;
        }
        self.find_better_claim(robots, index);
        self.returning[index] =
            self.slack(index, robot.cell, robot.heading, robot.battery) < 0.0 && robot.cell != self.station(index);
        self.returning[index]
    }

    /// Swaps claims with team mates who neither charge nor go to where that leaves the worse off of the two better off.
    fn find_better_claim(&mut self, robots: &[Robot], index: usize) {
        for other in 0..robots.len() {
            let busy = !robots[other].alive() || self.returning[other] || self.rests(other, &robots[other]);
            if other != index && !busy && self.swap_helps(robots, index, other) {
                self.claims.swap(index, other);
            }
        }
    }

    fn swap_helps(&self, robots: &[Robot], a: usize, b: usize) -> bool {
        let slack = |robot: usize, claim: usize| {
            let state = &robots[robot];
            self.slack_for(usize::from(self.claims[claim]), self.pose_of(state), state.battery)
        };
        let way = |robot: usize, claim: usize| {
            u32::from(self.way_to(usize::from(self.claims[claim]), self.pose_of(&robots[robot])))
        };
        slack(a, b).min(slack(b, a)) > slack(a, a).min(slack(b, b)) && way(a, b) + way(b, a) <= way(a, a) + way(b, b)
    }

    /// Whether the plan no longer fits what the robot does.
    fn is_overtaken(&mut self, index: usize, robot: &Robot, now: u32) -> bool {
        let pose = self.pose_of(robot);
        if !robot.alive() {
            self.returning[index] = false;
            return !std::mem::replace(&mut self.lost[index], true);
        }
        if self.returning[index] {
            if robot.cell != self.station(index) {
                return !self.ways.is_under_way(index, now) || self.ways.expected(index, now) != Some(pose);
            }
            (self.returning[index], self.resting[index]) = (false, true);
            return true;
        }
        self.resting[index] |= robot.cell == self.station(index) && robot.battery < self.drain * SOON;
        self.resting[index] &= self.rests(index, robot);
        if self.ways.is_under_way(index, now) {
            return self.ways.expected(index, now) != Some(pose);
        }
        if self.ways.has(index) && !self.rests(index, robot) {
            self.ways.set(index, Vec::new());
            self.ways.close(&self.roads);
        }
        !self.ways.has(index) && !self.ways.is_open(pose, now)
    }
}
