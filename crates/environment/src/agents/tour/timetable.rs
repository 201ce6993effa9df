//! Slots of the timetable and who takes which.

use super::cycle::Cycle;
use crate::agents::pose_graph::{PoseGraph, UNREACHABLE};
use crate::world::World;

/// Shifts of the whole timetable that are tried.
const SHIFTS: u32 = 16;

/// A stop and the step after which it should have been served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Appointment {
    pub stop: usize,
    pub due: u32,
}

/// The phase of every robot: slots are a period / robots apart, and are given out so that robots reach them after the
/// fewest steps in total (an assignment problem, solved exactly over subsets), for the best of some shifts.
pub(super) fn assign_slots(cycle: &Cycle, stop: u32, world: &World, graph: &mut PoseGraph) -> Vec<u32> {
    let robots = world.num_robots();
    if robots == 1 {
        return vec![0];
    }
    let travel: Vec<_> = (0..robots).map(|robot| travel_to_stops(cycle, stop, world, graph, robot)).collect();
    let spacing = cycle.period / robots as u32;
    let shifts = (0..SHIFTS.min(spacing.max(1))).map(|shift| shift * spacing / SHIFTS.min(spacing.max(1)));
    let plans = shifts.map(|shift| {
        let phases: Vec<u32> = (0..robots as u32).map(|slot| shift + slot * cycle.period / robots as u32).collect();
        let due =
            |robot: &Vec<u32>| phases.iter().map(|phase| soonest(cycle, robot, *phase, 0).due).collect::<Vec<_>>();
        let (cost, slots) = cheapest_assignment(&travel.iter().map(due).collect::<Vec<_>>());
        (cost, slots.into_iter().map(|slot| phases[slot]).collect::<Vec<_>>())
    });
    plans.min().map(|(_, phases)| phases).unwrap_or_default()
}

/// Steps until `robot` could have served each stop if it went there at once; [`UNREACHABLE`] stays what it is.
pub(super) fn travel_to_stops(
    cycle: &Cycle,
    stop: u32,
    world: &World,
    graph: &mut PoseGraph,
    robot: usize,
) -> Vec<u32> {
    let mut distances = Vec::new();
    graph.distances(&[graph.pose_of(&world.robots()[robot])], &mut distances);
    cycle.stops.iter().map(|pose| u32::from(distances[pose.index()]) + stop).collect()
}

/// The stop that is served first, when the robot gets there.
pub(super) fn nearest(travel: &[u32], now: u32) -> Appointment {
    let soonest = travel.iter().enumerate().min_by_key(|(_, steps)| **steps);
    soonest.map(|(stop, steps)| Appointment { stop, due: now + steps }).unwrap_or_default()
}

/// The stop that is served first if the slot with this phase is kept.
pub(super) fn soonest(cycle: &Cycle, travel: &[u32], phase: u32, now: u32) -> Appointment {
    let appointments =
        travel.iter().enumerate().filter(|(_, steps)| **steps < u32::from(UNREACHABLE)).map(|(stop, steps)| {
            let ready = now + steps;
            let wait = (cycle.offsets[stop] + phase + cycle.period - ready % cycle.period) % cycle.period;
            Appointment { stop, due: ready + wait }
        });
    appointments.min_by_key(|appointment| appointment.due).unwrap_or_default()
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
