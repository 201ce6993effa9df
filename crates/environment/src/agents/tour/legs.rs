//! Travel between patrol points with turns counted, as 4×4 matrices over headings in the (min, +) algebra.
//!
//! Entry [a][b] is the least number of steps from one point, looking towards a, to the other, looking towards b. Joining
//! stretches of a tour is the matrix product, so a tour's exact cost, best headings included, needs no search.

use super::flood::{Flood, Search};
use crate::action::Heading;
use crate::agents::pose_graph::{Pose, PoseGraph, UNREACHABLE};
use crate::simd::Simd;

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
    least: Vec<u16>,
}

impl Legs {
    /// Plans all pairs; every arrival costs `stop` more steps.
    pub fn between(points: &[usize], stop: u16, graph: &PoseGraph) -> Self {
        let count = points.len();
        let mut transfers = vec![[[UNREACHABLE; 4]; 4]; count * count];
        let (mut flood, simd) = (Flood::new(graph, points), Simd::detect());
        for (index, from) in points.iter().enumerate() {
            let (before, steps) = transfers.split_at_mut(index * count);
            for earlier in 0..index {
                steps[earlier] = reversed(&before[earlier * count + index]);
            }
            let poses = Heading::ALL.map(|heading| Pose::new(*from, heading));
            simd.run(Search { flood: &flood, from: poses, steps });
            flood.forget(*from);
        }
        for steps in transfers.as_flattened_mut().as_flattened_mut() {
            *steps = steps.saturating_add(stop);
        }
        let least = transfers.iter().map(least).collect();
        Self { count, transfers, least }
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
        self.least[a * self.count + b]
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

/// Fewest steps with the best headings at both ends.
pub(super) fn least(stretch: &Transfer) -> u16 {
    stretch.as_flattened().iter().copied().min().unwrap_or(UNREACHABLE)
}

/// Steps of a closed walk: it must end looking the way it began.
pub(super) fn closed(stretch: &Transfer) -> u16 {
    (0..4).map(|heading| stretch[heading][heading]).min().unwrap_or(UNREACHABLE)
}
