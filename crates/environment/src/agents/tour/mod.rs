//! The near-optimal reference: all robots follow one short closed tour over patrol points, evenly spaced in time, and
//! patrol on the way where that pays.
//!
//! Chevaleyre, *Theoretical analysis of the multi-agent patrolling problem*, 2004: with one closed tour of length T and R robots
//! no point waits longer than T/R, which is near the optimum. Robots keep to a timetable: each has a slot, slots are
//! T/R apart, and a robot that is early waits.

mod codec;
mod cycle;
mod exact;
mod flood;
mod legs;
mod local_search;
mod shorten;
mod slack;
mod stops_on_the_way;
mod timetable;

use super::cover::patrol_points;
use super::pilot::{Decision, Goal, Reason, Strategy};
use super::pose_graph::{Pose, PoseGraph};
use crate::action::Action;
use crate::config::PatrolMode;
use crate::world::World;
use cycle::Cycle;
use timetable::{Appointment, Meetings};

pub(super) use slack::Waits;

/// A robot waits for the latest one if it is ahead of it by more than this share of the spacing.
const TOLERANCE: u32 = 4;
/// The least such lead, in steps.
const LEAST_TOLERANCE: u32 = 4;

/// The tour and each robot's place in the timetable.
#[derive(Clone, Debug, Default)]
pub(super) struct Tour {
    cycle: Cycle,
    roles: Vec<Role>,
    /// Steps that serving a stop takes.
    stop: u32,
    /// Per robot, the steps to every stop from where it starts.
    travel_from_start: Vec<Vec<u32>>,
    /// Whether it looks for points with a short round instead of few.
    thorough: bool,
}

/// A place in the timetable, which robots that meet exchange.
#[derive(Clone, Copy, Debug, Default)]
struct Role {
    /// Delay of this slot against the first, in steps.
    phase: u32,
    /// The next stop and when it is due.
    next: Appointment,
    /// Steps behind the timetable when it was last compared; negative if early.
    delay: i64,
    /// Goes on even if it is early.
    hurries: bool,
}

impl Strategy for Tour {
    fn name(&self) -> &'static str {
        "tour"
    }

    fn reset(&mut self, world: &World, graph: &mut PoseGraph) {
        let stations: Vec<usize> = world.map().stations().iter().map(|cell| graph.index_of(*cell)).collect();
        let points = patrol_points(graph, &stations);
        self.stop = u32::from(world.config().patrol_mode == PatrolMode::OnAction);
        self.cycle = Cycle::over(&points, self.stop as u16, graph);
        if self.thorough {
            shorten::shorten(&mut self.cycle, points, self.stop as u16, &stations, graph);
        }
        if self.stop > 0 {
            stops_on_the_way::add(&mut self.cycle, world.num_robots() as u32, &stations, graph);
        }
        let starts: Vec<Pose> = world.robots().iter().map(|robot| graph.pose_of(robot)).collect();
        self.travel_from_start = timetable::travel_to_stops(&self.cycle, self.stop, graph, &starts);
        let phases = timetable::assign_slots(&self.cycle, &self.travel_from_start);
        self.roles = phases.into_iter().map(|phase| Role { phase, ..Role::default() }).collect();
    }

    fn decide(&mut self, world: &World, graph: &mut PoseGraph, robot: usize, reason: Reason) -> Decision {
        match reason {
            Reason::Start => self.join(world, graph, robot),
            Reason::Unreachable => self.advance(robot),
            Reason::Done => {
                let role = &mut self.roles[robot];
                role.delay = i64::from(world.current_step()) - i64::from(role.next.due);
                if self.is_early(robot) && !self.roles[robot].hurries {
                    return Decision::Act(Action::Patrol);
                }
                self.advance(robot);
            }
        }
        Decision::Go(self.goal(robot))
    }

    fn exchange(&mut self, a: usize, b: usize) {
        self.roles.swap(a, b);
    }
}

impl Tour {
    /// One that also looks for other points with a shorter round.
    pub fn thorough() -> Self {
        Self { thorough: true, ..Self::default() }
    }

    pub fn is_thorough(&self) -> bool {
        self.thorough
    }

    /// Where a robot goes, or was when it began to wait for its time.
    pub fn goal(&self, robot: usize) -> Goal {
        let stop = self.cycle.stops[self.roles[robot].next.stop];
        Goal { cell: stop.cell(), heading: Some(stop.heading()), patrol: true }
    }

    /// Whether a robot goes on even if it is early.
    pub fn hurry(&mut self, robot: usize, hurries: bool) {
        self.roles[robot].hurries = hurries;
    }

    /// Finds the stop at which the robot can take its slot soonest. A robot alone makes its own timetable.
    fn join(&mut self, world: &World, graph: &PoseGraph, robot: usize) {
        let now = world.current_step();
        let here = graph.pose_of(&world.robots()[robot]);
        let known = self.travel_from_start.get(robot).filter(|_| now == 0).cloned();
        let found = || timetable::travel_to_stops(&self.cycle, self.stop, graph, &[here]).remove(0);
        let travel = &known.unwrap_or_else(found);
        let role = &mut self.roles[robot];
        role.delay = 0;
        role.next = if world.num_robots() == 1 {
            timetable::nearest(travel, now)
        } else {
            Meetings::new(&self.cycle, travel, now).soonest(role.phase)
        };
    }

    fn advance(&mut self, robot: usize) {
        let (cycle, role) = (&self.cycle, &mut self.roles[robot]);
        let from = cycle.offsets[role.next.stop];
        role.next.stop = (role.next.stop + 1) % cycle.stops.len();
        let to = cycle.offsets[role.next.stop];
        role.next.due += if to > from { to - from } else { to + cycle.period - from };
    }

    /// Whether the robot is before its time, or so far before the latest of the team that it should wait.
    fn is_early(&self, robot: usize) -> bool {
        let spacing = self.cycle.period / self.roles.len() as u32;
        let tolerance = i64::from((spacing / TOLERANCE).max(LEAST_TOLERANCE));
        let latest = self.roles.iter().map(|role| role.delay).max().unwrap_or(0);
        self.roles[robot].delay < (latest - tolerance).max(0)
    }
}
