//! Travel between patrol points with turns counted, as 4×4 matrices over headings in the (min, +) algebra.
//!
//! Entry [a][b] is the least number of steps from one point, looking towards a, to the other, looking towards b. Joining
//! stretches of a tour is the matrix product, so a tour's exact cost, best headings included, needs no search.

use super::flood::{Flood, Search, TO_THE_END};
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

/// Steps that another heading costs at most, at the start and at the end of a stretch together.
pub(super) const TURNING: u16 = 4;

/// The transfers between all pairs of points: those to the nearest ones at once, others when they are looked up.
pub(super) struct Legs {
    count: usize,
    /// Steps that serving a point takes.
    stop: u16,
    points: Vec<usize>,
    flood: Flood,
    simd: Simd,
    transfers: Vec<Transfer>,
    /// Fewest steps with the best headings; where the transfer is not known, at most as many.
    least: Vec<u16>,
    known: Vec<bool>,
}

impl Legs {
    /// Plans the pairs of each point and the `near` nearest to it; every arrival costs `stop` more steps.
    pub fn between(points: &[usize], near: usize, stop: u16, graph: &PoseGraph) -> Self {
        let count = points.len();
        let mut legs = Self {
            count,
            stop,
            points: points.to_vec(),
            flood: Flood::new(graph, points),
            simd: Simd::detect(),
            transfers: vec![[[UNREACHABLE; 4]; 4]; count * count],
            least: vec![UNREACHABLE; count * count],
            known: vec![false; count * count],
        };
        // The point itself is found first.
        (0..count).for_each(|from| legs.search(from, near as u32 + 1));
        legs
    }

    /// Plans from one point to as many others as are `enough`.
    fn search(&mut self, from: usize, enough: u32) {
        let row = from * self.count..(from + 1) * self.count;
        let poses = Heading::ALL.map(|heading| Pose::new(self.points[from], heading));
        let steps = &mut self.transfers[row.clone()];
        steps.fill([[UNREACHABLE; 4]; 4]);
        let searched = self.simd.run(Search { flood: &self.flood, from: poses, enough, steps });
        let legs = steps.iter_mut().zip(&mut self.least[row.clone()]).zip(&mut self.known[row]);
        for (((steps, fewest), known), to) in legs.zip(&self.points) {
            let found = least(steps);
            *known = searched == TO_THE_END || found.saturating_add(TURNING) <= searched;
            let cells = self.flood.cells_between(self.points[from], *to);
            *fewest = found.min(searched.saturating_add(1)).max(cells).saturating_add(self.stop);
            steps.as_flattened_mut().iter_mut().for_each(|steps| *steps = steps.saturating_add(self.stop));
        }
    }

    /// Number of points.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Plans the way from point `a` to point `b` unless it is known.
    pub fn look_up(&mut self, a: usize, b: usize) {
        let (there, back) = (a * self.count + b, b * self.count + a);
        if self.known[there] {
            return;
        }
        if self.known[back] {
            self.transfers[there] = reversed(&self.transfers[back]);
            (self.least[there], self.known[there]) = (self.least[back], true);
        } else {
            self.search(a, u32::MAX);
        }
    }

    /// Whether the way from `a` to `b` is known.
    pub fn is_known(&self, a: usize, b: usize) -> bool {
        self.known[a * self.count + b]
    }

    /// From point `a` to point `b`, which must be known.
    pub fn leg(&self, a: usize, b: usize) -> &Transfer {
        debug_assert!(self.is_known(a, b), "from {a} to {b} of {}", self.count);
        &self.transfers[a * self.count + b]
    }

    /// Fewest steps from `a` to `b` with the best headings; where the way is not known, at most as many.
    pub fn steps(&self, a: usize, b: usize) -> u16 {
        self.least[a * self.count + b]
    }
}

/// One stretch after the other.
#[inline(always)]
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
#[inline(always)]
pub(super) fn least(stretch: &Transfer) -> u16 {
    stretch.as_flattened().iter().copied().min().unwrap_or(UNREACHABLE)
}

/// Steps of a closed walk: it must end looking the way it began.
pub(super) fn closed(stretch: &Transfer) -> u16 {
    (0..4).map(|heading| stretch[heading][heading]).min().unwrap_or(UNREACHABLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::cover::patrol_points;
    use crate::{EpisodeKey, MapConfig, MapType, Purpose, World, WorldConfig};

    #[test]
    fn near_ways_are_known_at_once_and_others_when_they_are_looked_up() {
        for (map_type, run_seed) in
            MapType::ALL.into_iter().flat_map(|map_type| (0..4).map(move |seed| (map_type, seed)))
        {
            let map = MapConfig { map_type, ..MapConfig::default() };
            let key = EpisodeKey { run_seed, purpose: Purpose::Test, env_index: 0, episode: 0 };
            let world = World::new(&WorldConfig { map, ..WorldConfig::default() }, key).expect("a map");
            let graph = PoseGraph::new(world.map());
            let points = patrol_points(&graph, &[]);
            let whole = Legs::between(&points, points.len(), 1, &graph);
            let mut legs = Legs::between(&points, 3, 1, &graph);
            let mut unknown = 0;
            for a in 0..points.len() {
                let mut others: Vec<u16> = (0..points.len()).filter(|b| *b != a).map(|b| whole.steps(a, b)).collect();
                others.sort_unstable();
                for b in 0..points.len() {
                    assert!(whole.is_known(a, b) && legs.steps(a, b) <= whole.steps(a, b), "{map_type:?} {a} {b}");
                    assert!(legs.is_known(a, b) || whole.steps(a, b) > others[2], "{map_type:?} {a} {b}");
                    unknown += u32::from(!legs.is_known(a, b));
                }
            }
            assert!(unknown > 0, "{map_type:?}");
            for (a, b) in (0..points.len()).flat_map(|a| (0..points.len()).map(move |b| (a, b))) {
                legs.look_up(a, b);
                assert_eq!(
                    (legs.leg(a, b), legs.steps(a, b)),
                    (whole.leg(a, b), whole.steps(a, b)),
                    "{map_type:?} {a} {b}"
                );
            }
        }
    }
}
