//! Slots of the timetable and who takes which.

use super::cycle::Cycle;
use super::flood::{Flood, Search};
use crate::agents::pose_graph::{Pose, PoseGraph, UNREACHABLE};
use crate::simd::Simd;

/// Shifts of the whole timetable that are tried.
const SHIFTS: u32 = 16;

/// A stop and the step after which it should have been served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Appointment {
    pub stop: usize,
    pub due: u32,
}

/// The phase of every robot: slots are a period / robots apart, and are given out so that robots reach them after the
/// fewest steps in total (an assignment problem, solved exactly over subsets), for the best of some shifts. `travel` has the
/// steps to every stop per robot.
pub(super) fn assign_slots(cycle: &Cycle, travel: &[Vec<u32>]) -> Vec<u32> {
    let robots = travel.len() as u32;
    if robots == 1 {
        return vec![0];
    }
    let meetings: Vec<_> = travel.iter().map(|travel| Meetings::new(cycle, travel, 0)).collect();
    let spacing = cycle.period / robots;
    let shifts = (0..SHIFTS.min(spacing.max(1))).map(|shift| shift * spacing / SHIFTS.min(spacing.max(1)));
    let plans = shifts.map(|shift| {
        let phases: Vec<u32> = (0..robots).map(|slot| shift + slot * cycle.period / robots).collect();
        let due = |robot: &Meetings| phases.iter().map(|phase| robot.earliest(*phase)).collect::<Vec<_>>();
        let (cost, slots) = cheapest_assignment(&meetings.iter().map(due).collect::<Vec<_>>());
        (cost, slots.into_iter().map(|slot| phases[slot]).collect::<Vec<_>>())
    });
    plans.min().map(|(_, phases)| phases).unwrap_or_default()
}

/// For each of the poses, the steps until a robot there could have served each stop if it went there at once; at least
/// [`UNREACHABLE`] if it cannot.
pub(super) fn travel_to_stops(cycle: &Cycle, stop: u32, graph: &PoseGraph, from: &[Pose]) -> Vec<Vec<u32>> {
    let cells: Vec<usize> = cycle.stops.iter().map(|stop| stop.cell()).collect();
    let (flood, simd) = (Flood::new(graph, &cells), Simd::detect());
    let travel_from = |poses: &[Pose]| {
        let mut transfers = vec![[[UNREACHABLE; 4]; 4]; cells.len()];
        let four = std::array::from_fn(|start| poses[start.min(poses.len() - 1)]);
        simd.run(Search { flood: &flood, from: four, enough: u32::MAX, steps: &mut transfers });
        let steps = |start: usize, to: &Pose| transfers[flood.index(to.cell())][start][to.heading() as usize];
        let travel = |start| cycle.stops.iter().map(|to| u32::from(steps(start, to)) + stop).collect();
        (0..poses.len()).map(travel).collect::<Vec<Vec<u32>>>()
    };
    from.chunks(4).flat_map(travel_from).collect()
}

/// The stop that is served first, when the robot gets there.
pub(super) fn nearest(travel: &[u32], now: u32) -> Appointment {
    let soonest = travel.iter().enumerate().min_by_key(|(_, steps)| **steps);
    soonest.map(|(stop, steps)| Appointment { stop, due: now + steps }).unwrap_or_default()
}

/// Where and when one robot can take a slot.
pub(super) struct Meetings {
    period: u32,
    stops: Vec<usize>,
    /// Per stop, when the robot is there.
    ready: Vec<u32>,
    /// Per stop, how much later the slot of phase 0 comes by; less than a period.
    wait: Vec<u32>,
}

impl Meetings {
    /// Of a robot that sets out now.
    pub fn new(cycle: &Cycle, travel: &[u32], now: u32) -> Self {
        let period = cycle.period;
        let within_reach = |stop: &usize| travel[*stop] < u32::from(UNREACHABLE);
        let stops: Vec<usize> = (0..travel.len()).filter(within_reach).collect();
        let ready: Vec<u32> = stops.iter().map(|stop| now + travel[*stop]).collect();
        let wait =
            stops.iter().zip(&ready).map(|(stop, ready)| (cycle.offsets[*stop] + period - ready % period) % period);
        Self { period, wait: wait.collect(), stops, ready }
    }

    /// When the first stop is served if the slot with this phase, less than a period, is kept.
    fn earliest(&self, phase: u32) -> u32 {
        self.due(phase).fold(u32::MAX, u32::min)
    }

    /// The stop that is served first then.
    pub fn soonest(&self, phase: u32) -> Appointment {
        let due = self.earliest(phase);
        let first = self.due(phase).position(|other| other == due);
        first.map(|first| Appointment { stop: self.stops[first], due }).unwrap_or_default()
    }

    fn due(&self, phase: u32) -> impl Iterator<Item = u32> {
        self.ready.iter().zip(&self.wait).map(move |(ready, wait)| {
            let wait = wait + phase;
            // One period less where that is not below zero, which would wrap around to a large number.
            ready + wait.min(wait.wrapping_sub(self.period))
        })
    }
}

/// Gives each robot one slot at the lowest total cost: dynamic programming over the sets of slots given to the first robots.
/// `costs` has a row of slots per robot. Returns the cost and each robot's slot.
fn cheapest_assignment(costs: &[Vec<u32>]) -> (u32, Vec<usize>) {
    let robots = costs.len();
    let mut best = vec![(u32::MAX, 0usize); 1 << robots];
    best[0].0 = 0;
    for given in 0..(1usize << robots) - 1 {
        let robot = given.count_ones() as usize;
        for slot in (0..robots).filter(|slot| given >> slot & 1 == 0) {
            let total = best[given].0.saturating_add(costs[robot][slot]);
            let next = given | 1 << slot;
            if total < best[next].0 {
                best[next] = (total, slot);
            }
        }
    }
    let mut given = (1usize << robots) - 1;
    let total = best[given].0;
    let mut slots = vec![0; robots];
    for robot in (0..robots).rev() {
        slots[robot] = best[given].1;
        given &= !(1 << slots[robot]);
    }
    (total, slots)
}
