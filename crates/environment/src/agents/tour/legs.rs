//! Travel between patrol points with turns counted, as 4×4 matrices over headings in the (min, +) algebra.
//!
//! Entry [a][b] is the least number of steps from one point, looking towards a, to the other, looking towards b. Joining
//! stretches of a tour is the matrix product, so a tour's exact cost, best headings included, needs no search.

use crate::action::Heading;
use crate::agents::pose_graph::{Pose, PoseGraph, UNREACHABLE};

/// Steps by heading at the start and heading at the end.
pub(super) type Transfer = [[u16; 4]; 4];

/// Going nowhere.
pub(super) const STAY: Transfer = {
    let mut stay = [[UNREACHABLE; 4]; 4];
    let mut heading = 0;
    while heading < 4 {
        stay[heading][heading] = 0;
        heading += 1;
    }
    stay
};

/// The transfers between all pairs of points.
#[derive(Clone, Debug, Default)]
pub(super) struct Legs {
    count: usize,
    transfers: Vec<Transfer>,
}

impl Legs {
    /// Plans all pairs; every arrival costs `stop` more steps.
    pub fn between(points: &[usize], stop: u16, graph: &mut PoseGraph) -> Self {
        let count = points.len();
        let mut transfers = vec![STAY; count * count];
        let mut distances = Vec::new();
        for (a, from) in points.iter().enumerate() {
            for heading in Heading::ALL {
                graph.distances(&[Pose::new(*from, heading)], &mut distances);
                for (b, to) in points.iter().enumerate() {
                    let arrivals = &distances[4 * to..4 * to + 4];
                    transfers[a * count + b][heading as usize] =
                        std::array::from_fn(|arrival| arrivals[arrival].saturating_add(stop));
                }
            }
        }
        Self { count, transfers }
    }

    /// Number of points.
    pub fn count(&self) -> usize {
        self.count
    }

    /// From point `a` to point `b`.
    pub fn leg(&self, a: usize, b: usize) -> &Transfer {
        &self.transfers[a * self.count + b]
    }

    /// Fewest steps from `a` to `b` with the best headings.
    pub fn steps(&self, a: usize, b: usize) -> u16 {
        self.leg(a, b).as_flattened().iter().copied().min().unwrap_or(UNREACHABLE)
    }
}

/// One stretch after the other.
#[inline]
pub(super) fn join(first: &Transfer, second: &Transfer) -> Transfer {
    let mut joined = [[UNREACHABLE; 4]; 4];
    for (row, starts) in joined.iter_mut().zip(first) {
        for (middle, steps) in starts.iter().enumerate() {
            for (best, rest) in row.iter_mut().zip(&second[middle]) {
                *best = (*best).min(steps.saturating_add(*rest));
            }
        }
    }
    joined
}

/// The same stretch walked backwards: every plan can be reversed action by action, looking the other way.
pub(super) fn reversed(stretch: &Transfer) -> Transfer {
    std::array::from_fn(|a| std::array::from_fn(|b| stretch[b ^ 2][a ^ 2]))
}

/// Steps of a closed walk: it must end looking the way it began.
pub(super) fn closed(stretch: &Transfer) -> u16 {
    (0..4).map(|heading| stretch[heading][heading]).min().unwrap_or(UNREACHABLE)
}
