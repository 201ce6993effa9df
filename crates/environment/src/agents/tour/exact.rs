//! The shortest closed tour over few points.
//!
//! Held and Karp, *A dynamic programming approach to sequencing problems*, 1962, with the heading as part of the state.

use super::legs::Legs;
use crate::agents::pose_graph::UNREACHABLE;

/// Most points for which the shortest tour is found by exhaustion.
pub(super) const MOST_POINTS: usize = 8;

/// The best order of all points, which starts with point 0; at most [`MOST_POINTS`].
pub(super) fn shortest_tour(legs: &Legs) -> Vec<usize> {
    let tours = (0..4).map(|heading| shortest_from(legs, heading));
    tours.min_by_key(|(steps, _)| *steps).map(|(_, order)| order).unwrap_or_default()
}

/// The same among tours that leave point 0 looking towards `start`, with its length.
fn shortest_from(legs: &Legs, start: usize) -> (u16, Vec<usize>) {
    let (count, states) = (legs.count(), 4 * legs.count());
    let full = (1usize << count) - 1;
    // Per set of visited points and last state: fewest steps, and the state before.
    let mut steps = vec![UNREACHABLE; (full + 1) * states];
    let mut before = vec![0u8; (full + 1) * states];
    steps[states + start] = 0;
    for visited in (1..=full).step_by(2) {
        for state in 0..states {
            let so_far = steps[visited * states + state];
            if so_far == UNREACHABLE {
                continue;
            }
            for next in (1..count).filter(|next| visited >> next & 1 == 0) {
                let leg = legs.leg(state / 4, next)[state % 4];
                for (heading, more) in leg.into_iter().enumerate() {
                    let place = (visited | 1 << next) * states + 4 * next + heading;
                    if so_far.saturating_add(more) < steps[place] {
                        steps[place] = so_far + more;
                        before[place] = state as u8;
                    }
                }
            }
        }
    }
    let home = |state: usize| steps[full * states + state].saturating_add(legs.leg(state / 4, 0)[state % 4][start]);
    let last = (0..states).min_by_key(|state| home(*state)).unwrap_or(0);
    (home(last), trace_back(&before, states, full, last))
}

fn trace_back(before: &[u8], states: usize, full: usize, last: usize) -> Vec<usize> {
    let (mut visited, mut state) = (full, last);
    let mut order = vec![state / 4];
    while visited & (visited - 1) != 0 {
        let previous = usize::from(before[visited * states + state]);
        visited &= !(1 << (state / 4));
        state = previous;
        order.push(state / 4);
    }
    order.reverse();
    order
}
