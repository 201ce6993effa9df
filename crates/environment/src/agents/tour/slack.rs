//! How long a robot may still do something else before a cell on its round waits for too long.

use super::{Role, Tour};
use crate::action::Action;
use crate::agents::cover::REACH;
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

/// How long the cells of each stop wait.
#[derive(Clone, Debug)]
pub(in crate::agents) struct Waits {
    /// Where the stops are.
    places: Vec<Cell>,
    /// When they are served, from the start of the round.
    offsets: Vec<i32>,
    /// Per stop: that less the step at which that of its cells was cleared that waits for the longest. Its cells are those within
    /// [`REACH`], whatever the radius in force.
    waits: Vec<i32>,
    /// Per column and per row, one bit per stop that may share cells with a patrol there.
    columns: Vec<Vec<u64>>,
    rows: Vec<Vec<u64>>,
}

impl Waits {
    pub fn new(tour: &Tour, world: &World) -> Self {
        let width = world.config().width;
        let place = |stop: &Pose| Cell { x: (stop.cell() % width) as u8, y: (stop.cell() / width) as u8 };
        let places: Vec<_> = tour.cycle.stops.iter().map(place).collect();
        let offsets: Vec<_> = tour.cycle.offsets.iter().map(|offset| *offset as i32).collect();
        let wait = |(place, offset): (&Cell, &i32)| offset - world.field.waits_since(*place, REACH);
        let waits = places.iter().zip(&offsets).map(wait).collect();
        let reach = REACH + usize::from(world.config().patrol_radius == PatrolRadius::Dynamic);
        let near = |line: usize, at: fn(&Cell) -> u8| {
            let is_near = |place: &Cell| usize::from(at(place)).abs_diff(line) <= REACH + reach;
            let bits = |places: &[Cell]| places.iter().rfold(0, |bits, place| bits << 1 | u64::from(is_near(place)));
            places.chunks(64).map(bits).collect::<Vec<u64>>()
        };
        let columns = (0..width).map(|x| near(x, |place| place.x)).collect();
        let rows = (0..world.config().height).map(|y| near(y, |place| place.y)).collect();
        Self { waits, columns, rows, places, offsets }
    }

    /// After a step of the world.
    pub fn update(&mut self, world: &World) {
        let always = world.config().patrol_mode == PatrolMode::EveryStep;
        for robot in world.robots().iter().filter(|robot| always || robot.last_action == Some(Action::Patrol)) {
            let (column, row) = (&self.columns[usize::from(robot.cell.x)], &self.rows[usize::from(robot.cell.y)]);
            for (word, (column, row)) in column.iter().zip(row).enumerate() {
                let mut near = column & row;
                while near != 0 {
                    let stop = 64 * word + near.trailing_zeros() as usize;
                    self.waits[stop] = self.offsets[stop] - world.field.waits_since(self.places[stop], REACH);
                    near &= near - 1;
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
        let longest = |stops: Range<usize>| waits.waits[stops].iter().fold(-NEVER, |longest, wait| longest.max(*wait));
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
