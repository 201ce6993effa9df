//! Always where most threat is cleared per step of travel, leaving alone what team mates are about to clear.
//!
//! The reactive strategy of Machado et al. 2002 ("conscientious reactive"), with gain per time instead of idleness and with
//! shared intentions.

use super::cover::{REACH, square};
use super::pilot::{Decision, Goal, Reason, Strategy};
use super::pose_graph::{PoseGraph, UNREACHABLE};
use crate::action::{Action, Heading};
use crate::world::World;

/// Highest threat of a cell, in hundredths.
const FULL: u32 = 100;

/// Each robot's intended patrol point, and scratch space.
#[derive(Default)]
pub(super) struct Greedy {
    intents: Vec<Option<usize>>,
    stations: Vec<usize>,
    threat: Vec<u8>,
    distances: Vec<u16>,
    /// Summed-area tables, with a leading row and column of zeros: threat, free cells, and cells still below full threat.
    sums: Vec<[u32; 3]>,
}

impl Strategy for Greedy {
    fn name(&self) -> &'static str {
        "greedy"
    }

    fn reset(&mut self, world: &World, graph: &mut PoseGraph) {
        self.intents = vec![None; world.num_robots()];
        self.stations = world.map().stations().iter().map(|cell| graph.index_of(*cell)).collect();
        self.threat = vec![0; graph.cells()];
    }

    fn decide(&mut self, world: &World, graph: &mut PoseGraph, robot: usize, reason: Reason) -> Decision {
        let given_up = if reason == Reason::Unreachable { self.intents[robot] } else { None };
        self.intents[robot] = None;
        graph.distances(&[graph.pose_of(&world.robots()[robot])], &mut self.distances);
        self.sum_up(world, graph);
        self.intents[robot] = self.best_point(graph, given_up);
        match self.intents[robot] {
            Some(cell) => Decision::Go(Goal { cell, heading: None, patrol: true }),
            None => Decision::Act(Action::Patrol),
        }
    }

    fn exchange(&mut self, a: usize, b: usize) {
        self.intents.swap(a, b);
    }
}

impl Greedy {
    /// Fills the tables; cells that a team mate is going to clear count as nothing.
    fn sum_up(&mut self, world: &World, graph: &PoseGraph) {
        world.write_threat(&mut self.threat);
        let mut counts: Vec<bool> = (0..graph.cells()).map(|cell| !graph.is_blocked(cell)).collect();
        for intent in self.intents.iter().flatten() {
            square(graph, *intent).for_each(|cell| counts[cell] = false);
        }
        let stride = graph.width() + 1;
        self.sums.clear();
        self.sums.resize(stride * (graph.cells() / graph.width() + 1), [0; 3]);
        for (cell, counts) in counts.into_iter().enumerate() {
            let threat = u32::from(self.threat[cell]);
            let own = if counts { [threat, 1, u32::from(threat < FULL)] } else { [0; 3] };
            let place = (cell / graph.width() + 1) * stride + cell % graph.width() + 1;
            self.sums[place] = std::array::from_fn(|k| {
                own[k] + self.sums[place - 1][k] + self.sums[place - stride][k] - self.sums[place - stride - 1][k]
            });
        }
    }

    /// The cell with the highest gain per step, patrol included; the nearest of equals, then the first.
    fn best_point(&self, graph: &PoseGraph, given_up: Option<usize>) -> Option<usize> {
        let mut best: Option<(u64, u64, usize)> = None;
        for cell in (0..graph.cells()).filter(|cell| Some(*cell) != given_up && !self.stations.contains(cell)) {
            let distance = Heading::ALL.iter().map(|heading| self.distances[4 * cell + *heading as usize]).min();
            let Some(distance) = distance.filter(|distance| *distance != UNREACHABLE) else { continue };
            let (gain, steps) = (self.gain_after(graph, cell, u32::from(distance)), u64::from(distance) + 1);
            let better = best
                .is_none_or(|(best_gain, best_steps, _)| (gain * best_steps, best_steps) > (best_gain * steps, steps));
            if gain > 0 && better {
                best = Some((gain, steps, cell));
            }
        }
        best.map(|(_, _, cell)| cell)
    }

    /// Threat in hundredths that a patrol at `cell` clears `steps` from now.
    fn gain_after(&self, graph: &PoseGraph, cell: usize, steps: u32) -> u64 {
        let (width, height) = (graph.width(), graph.cells() / graph.width());
        let (x, y) = (cell % width, cell / width);
        let (left, right) = (x.saturating_sub(REACH), (x + REACH + 1).min(width));
        let (top, bottom) = (y.saturating_sub(REACH), (y + REACH + 1).min(height));
        let at = |x: usize, y: usize, k: usize| self.sums[y * (width + 1) + x][k];
        let sum = |k| at(right, bottom, k) + at(left, top, k) - at(left, bottom, k) - at(right, top, k);
        u64::from((sum(0) + steps * sum(2)).min(FULL * sum(1)))
    }
}
