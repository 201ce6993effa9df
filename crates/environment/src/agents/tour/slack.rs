//! How long a robot may still do something else before a cell on its round waits for too long.

use super::{Role, Tour};
use crate::action::Action;
use crate::agents::cover::REACH;
use crate::agents::pose_graph::Pose;
use crate::config::{PatrolMode, PatrolRadius};
use crate::map::Cell;
use crate::simd::Kernel;
use crate::world::World;
use crate::world::square::{Square, waits_since};
use crate::world::threat::{NEVER, ThreatField};

/// Steps that a cell may wait beyond the time from one robot of the round to the next, once all have been cleared, times the cells of
/// the grid. An object that lies there is one cell in so many at full threat, and one that the robots may take their time for.
const ALLOWANCE: u32 = 1200;
/// Steps in which a robot at a stop clears its cells.
const SERVING: i32 = 1;
/// Stops ahead of a robot that are looked at, up to that of another robot.
const STOPS_AHEAD: usize = 16;

/// Limits for the waits at so many stops, from [`STOPS_AHEAD`] less n on: none for the first n, and for the rest one that makes them
/// count for nothing.
static LOOKED_AT: [i32; 2 * STOPS_AHEAD] = {
    let mut limits = [NEVER; 2 * STOPS_AHEAD];
    let mut stop = STOPS_AHEAD;
    while stop < 2 * STOPS_AHEAD {
        limits[stop] = -NEVER;
        stop += 1;
    }
    limits
};

/// How long the cells of each stop wait.
#[derive(Clone, Debug)]
pub(in crate::agents) struct Waits {
    /// The cells of each stop: those within [`REACH`], whatever the radius in force.
    squares: Vec<Square>,
    /// When they are served, from the start of the round.
    offsets: Vec<i32>,
    /// Per stop: that less the step at which that of its cells was cleared that waits for the longest. Behind the last stop the first
    /// ones once more, in the next round.
    waits: Vec<i32>,
    /// Steps that a cell may wait beyond the time from one robot to the next.
    allowance: u32,
    /// Per column and per row, one bit per stop that may share cells with a patrol there.
    columns: Vec<Vec<u64>>,
    rows: Vec<Vec<u64>>,
}

impl Waits {
    pub fn new(tour: &Tour, world: &World) -> Self {
        let width = world.config().width;
        let place = |stop: &Pose| Cell { x: (stop.cell() % width) as u8, y: (stop.cell() / width) as u8 };
        let places: Vec<_> = tour.cycle.stops.iter().map(place).collect();
        let rounds = [0, tour.cycle.period].into_iter();
        let offsets = rounds.flat_map(|round| tour.cycle.offsets.iter().map(move |offset| (offset + round) as i32));
        let offsets: Vec<_> = offsets.take(places.len() + STOPS_AHEAD).collect();
        let reach = REACH + usize::from(world.config().patrol_radius == PatrolRadius::Dynamic);
        let near = |line: usize, at: fn(&Cell) -> u8| {
            let is_near = |place: &Cell| usize::from(at(place)).abs_diff(line) <= REACH + reach;
            let bits = |places: &[Cell]| places.iter().rfold(0, |bits, place| bits << 1 | u64::from(is_near(place)));
            places.chunks(64).map(bits).collect::<Vec<u64>>()
        };
        let columns = (0..width).map(|x| near(x, |place| place.x)).collect();
        let rows = (0..world.config().height).map(|y| near(y, |place| place.y)).collect();
        let squares: Vec<_> = places.iter().map(|place| world.field.square(*place, REACH)).collect();
        let waits = vec![-NEVER; squares.len() + STOPS_AHEAD];
        let allowance = ALLOWANCE / (width * world.config().height) as u32;
        let mut waits = Self { squares, offsets, waits, allowance, columns, rows };
        (0..waits.squares.len()).for_each(|stop| waits.look_at(stop, &world.field));
        waits
    }

    /// After a step of the world.
    pub fn update(&mut self, world: &World) {
        world.field.simd.run(Update { waits: self, world });
    }

    #[inline(always)]
    fn look_at(&mut self, stop: usize, field: &ThreatField) {
        let since = waits_since(&self.squares[stop], &field.origin, &field.cleared_at);
        for place in [stop, stop + self.squares.len()] {
            if let Some(offset) = self.offsets.get(place) {
                self.waits[place] = offset - since;
            }
        }
    }
}

struct Update<'a> {
    waits: &'a mut Waits,
    world: &'a World,
}

impl Kernel for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { waits, world } = self;
        let always = world.config().patrol_mode == PatrolMode::EveryStep;
        for robot in world.robots().iter().filter(|robot| always || robot.last_action == Some(Action::Patrol)) {
            let (x, y) = (usize::from(robot.cell.x), usize::from(robot.cell.y));
            for word in 0..waits.columns[x].len() {
                let mut near = waits.columns[x][word] & waits.rows[y][word];
                while near != 0 {
                    waits.look_at(64 * word + near.trailing_zeros() as usize, &world.field);
                    near &= near - 1;
                }
            }
        }
    }
}

impl Tour {
    /// Steps of slack of a robot that gets to its next stop at step `arrival`: the longest wait that is allowed less the longest that
    /// ends at its next stops if it goes on from there. Negative if it is late. `covered_at`: when every cell had been cleared, for
    /// which the last of them waited, 0 before: until then none has any time to lose.
    pub fn slack(&self, waits: &Waits, covered_at: u32, robot: usize, arrival: u32) -> i32 {
        let (cycle, first) = (&self.cycle, self.roles[robot].next.stop);
        let (ahead, own) = (&waits.waits[first..first + STOPS_AHEAD], self.own_stops(robot));
        let limited = ahead.iter().zip(&LOOKED_AT[STOPS_AHEAD - own..]).map(|(wait, limit)| *wait.min(limit));
        let wait = limited.fold(-NEVER, i32::max) + arrival as i32 - cycle.offsets[first] as i32;
        let spacing = cycle.period / self.roles.len() as u32;
        let allowed = if covered_at == 0 { 0 } else { covered_at.max(spacing + waits.allowance) };
        allowed as i32 - (wait + SERVING).max(0)
    }

    /// Stops from a robot's next one up to that of another robot, or as many as are looked at.
    fn own_stops(&self, robot: usize) -> usize {
        let (count, first) = (self.cycle.stops.len(), self.roles[robot].next.stop);
        let ahead = |role: &Role| role.next.stop + if role.next.stop > first { 0 } else { count } - first;
        self.roles.iter().map(ahead).min().unwrap_or(count).min(STOPS_AHEAD)
    }
}
