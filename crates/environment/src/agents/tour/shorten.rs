//! A shorter round through other points.
//!
//! The fewest points that cover the floor are not those of the shortest round: obstacles stand on the ways between them. Which
//! points to stop at and in what order is one question, the covering tour problem (Gendreau, Laporte and Semet 1997). Here a few
//! points that lie together are given up, others are chosen in their place, and the round over all of them is planned
//! again: ruin and recreate (Schrimpf et al. 2000).

use super::cycle::Cycle;
use crate::agents::cover::vary;
use crate::agents::pose_graph::PoseGraph;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// Covers that are tried: ten times as many shorten the round of a random 20×20 map by hardly more.
const TRIALS: usize = 64;

/// Looks for a shorter round than `cycle`, which goes over `points`. The same map gives the same round.
pub(super) fn shorten(cycle: &mut Cycle, mut points: Vec<usize>, stop: u16, avoid: &[usize], graph: &PoseGraph) {
    let mut rng = ChaCha8Rng::from_seed([0; 32]);
    for _ in 0..TRIALS {
        let other = vary(graph, avoid, &points, &mut rng);
        if other.len() > points.len() {
            continue;
        }
        let round = Cycle::over(&other, stop, graph);
        if round.period <= cycle.period {
            (*cycle, points) = (round, other);
        }
    }
}
