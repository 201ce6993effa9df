//! Who charges where, and since when.

use super::{Goal, Pilot, Reason, Strategy, Task};
use crate::world::World;

/// A robot leaves its station to one that cannot get past, if that one's battery is lower by more than this.
const TAKE_OVER: f64 = 5.0;

impl<S: Strategy> Pilot<S> {
    /// Starts and ends charging.
    pub(super) fn mind_battery(&mut self, world: &World, robot: usize) {
        if !self.charging.is_needed() {
            return;
        }
        if self.courses[robot].task == Task::Charge {
            let arrived = self.berth(robot).is_reached(self.courses[robot].expected);
            if arrived && self.charging.is_enough(world, world.robots()[robot].battery) {
                self.courses[robot].take(Task::Undecided(Reason::Start));
            }
        } else if self.slack(world, robot, self.berths[robot]) <= 0.0 {
            self.find_better_berth(world, robot);
            if self.slack(world, robot, self.berths[robot]) <= 0.0 {
                self.courses[robot].take(Task::Charge);
            }
        }
    }

    /// Swaps stations with team mates who do not charge where that leaves the worse off of the two better off.
    fn find_better_berth(&mut self, world: &World, robot: usize) {
        for other in 0..self.courses.len() {
            if other != robot && self.courses[other].task != Task::Charge && self.swap_helps(world, robot, other) {
                self.berths.swap(robot, other);
            }
        }
    }

    pub(super) fn swap_helps(&self, world: &World, a: usize, b: usize) -> bool {
        let worse = |a_berth: usize, b_berth: usize| self.slack(world, a, a_berth).min(self.slack(world, b, b_berth));
        worse(self.berths[b], self.berths[a]) > worse(self.berths[a], self.berths[b])
    }

    pub(super) fn slack(&self, world: &World, robot: usize, station: usize) -> f64 {
        self.charging.slack(world, robot, self.courses[robot].expected, station)
    }

    /// The way to charge is blocked: goes to any station within reach, or else takes over from the robot that charges
    /// there, if that one has more.
    pub(super) fn find_other_station(&mut self, world: &World, robot: usize, other: usize) {
        let battery = |robot: usize| world.robots()[robot].battery;
        let occupied = self.occupied_by_others(robot);
        let spare = |owner: &usize| *owner == robot || self.courses[*owner].task != Task::Charge;
        let spare: Vec<(usize, Goal)> = (0..self.courses.len()).filter(spare).map(|o| (o, self.berth(o))).collect();
        let from = self.courses[robot].expected;
        let mut plan = Vec::new();
        if self.graph.plan(from, &occupied, |pose| spare.iter().any(|(_, berth)| berth.is_reached(pose)), &mut plan) {
            let end = plan.iter().rev().fold(from, |pose, action| self.graph.after(pose, *action));
            let owner = spare.iter().find(|(_, berth)| berth.is_reached(end)).map_or(robot, |(owner, _)| *owner);
            if self.charging.lasts(battery(robot), plan.len()) {
                self.berths.swap(robot, owner);
                self.courses[robot].follow(plan);
                return;
            }
        }
        if self.courses[other].task == Task::Charge && battery(other) > battery(robot) + TAKE_OVER {
            self.berths.swap(robot, other);
            self.courses[other].take(Task::Undecided(Reason::Start));
            self.courses[robot].take(Task::Charge);
            self.next_planned(robot, self.berth(robot));
            if let Some(evasion) = self.evasion(other, robot) {
                self.courses[other].evade(evasion);
            }
        }
    }

    pub(super) fn berth(&self, robot: usize) -> Goal {
        Goal { cell: self.charging.cell(self.berths[robot]), heading: None, patrol: false }
    }
}
