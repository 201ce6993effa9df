//! How long a robot may still do something else before a cell on its round waits for too long.

use super::{Role, Tour};
use crate::action::Action;
use crate::agents::pose_graph::Pose;
use crate::config::{PatrolMode, PatrolRadius};
use crate::map::Cell;
use crate::world::World;
use crate::world::threat::NEVER;
use std::ops::Range;

/// Steps that a cell may always wait beyond the time from one robot of the round to the next.
const ALLOWANCE: u32 = 4;
/// Once all cells have been cleared, one may also wait for as long as the last of them did, less so many steps: a robot is told only
/// when it has strayed already, and may have to turn round.
const MARGIN: u32 = 4;
/// Stops ahead of a robot that are looked at, up to that of another robot.
const STOPS_AHEAD: usize = 16;
/// What a patrol at a stop clears, whatever the radius in force: cells within this Chebyshev distance.
const REACH: usize = 2;

/// Since when the cells of each stop wait.
#[derive(Clone, Debug)]
pub(in crate::agents) struct Waits {
    /// Where the stops are.
    places: Vec<Cell>,
    /// Per stop: the step at which that of its cells was cleared that waits for the longest.
    since: Vec<i32>,
}

impl Waits {
    pub fn new(tour: &Tour, world: &World) -> Self {
        let width = world.config().width;
        let place = |stop: &Pose| Cell { x: (stop.cell() % width) as u8, y: (stop.cell() / width) as u8 };
        let places: Vec<_> = tour.cycle.stops.iter().map(place).collect();
        let since = places.iter().map(|place| world.field.waits_since(*place, REACH)).collect();
        Self { since, places }
    }

    /// After a step of the world.
    pub fn update(&mut self, world: &World) {
        let config = world.config();
        let always = config.patrol_mode == PatrolMode::EveryStep;
        // Stops within this Chebyshev distance of a patrol share cells with it.
        let near = if config.patrol_radius == PatrolRadius::Dynamic { 5 } else { 4 };
        for robot in world.robots().iter().filter(|robot| always || robot.last_action == Some(Action::Patrol)) {
            for (since, place) in self.since.iter_mut().zip(&self.places) {
                if place.x.abs_diff(robot.cell.x).max(place.y.abs_diff(robot.cell.y)) <= near {
                    *since = world.field.waits_since(*place, REACH);
                }
            }
        }
    }
}

impl Tour {
    /// Steps of slack of a robot that gets to its next stop at step `arrival`: the longest wait that is allowed less the longest that
    /// ends at its next stops if it goes on from there. Negative if it is late. `covered_at`: when every cell had been cleared, 0
    /// before.
    pub fn slack(&self, waits: &Waits, covered_at: u32, robot: usize, arrival: u32) -> i32 {
        let (cycle, first) = (&self.cycle, self.roles[robot].next.stop);
        let end = first + self.own_stops(robot);
        let wraps = cycle.stops.len().min(end);
        let longest = |stops: Range<usize>| {
            let waits = cycle.offsets[stops.clone()].iter().zip(&waits.since[stops]);
            waits.map(|(offset, since)| *offset as i32 - since).max().unwrap_or(-NEVER)
        };
        let start = arrival as i32 - cycle.offsets[first] as i32;
        let wait = longest(first..wraps).max(longest(0..end - wraps) + cycle.period as i32) + start;
        let planned = cycle.period / self.roles.len() as u32 + ALLOWANCE;
        planned.max(covered_at.saturating_sub(MARGIN)) as i32 - wait.max(0)
    }

    /// Stops from a robot's next one up to that of another robot, or as many as are looked at.
    fn own_stops(&self, robot: usize) -> usize {
        let (count, first) = (self.cycle.stops.len(), self.roles[robot].next.stop);
        let ahead = |role: &Role| role.next.stop + if role.next.stop > first { 0 } else { count } - first;
        self.roles.iter().map(ahead).min().unwrap_or(count).min(STOPS_AHEAD)
    }
}
