//! Always where most threat is cleared per step of travel, leaving alone what team mates are about to clear.
//!
//! The reactive strategy of Machado et al. 2002 ("conscientious reactive"), with gain per time instead of idleness and with
//! shared intentions.

use super::cover::{REACH, square};
use super::pilot::{Decision, Goal, Reason, Strategy};
use super::pose_graph::{Pose, PoseGraph};
use crate::action::Action;
use crate::world::World;

/// Highest threat of a cell, in hundredths.
const FULL: u32 = 100;
/// Most that one patrol clears.
const FULL_SQUARE: u32 = FULL * ((2 * REACH + 1) * (2 * REACH + 1)) as u32;

/// Each robot's intended patrol point, and scratch space.
#[derive(Default)]
pub(super) struct Greedy {
    intents: Vec<Option<usize>>,
    stations: Vec<usize>,
    threat: Vec<u8>,
    /// Free cells that no team mate is going to clear.
    counts: Vec<bool>,
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
        self.look_around(world, graph);
        self.intents[robot] = self.best_point(graph, graph.pose_of(&world.robots()[robot]), given_up);
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
    fn look_around(&mut self, world: &World, graph: &PoseGraph) {
        world.write_threat(&mut self.threat);
        self.counts.clear();
        self.counts.extend((0..graph.cells()).map(|cell| !graph.is_blocked(cell)));
        for intent in self.intents.iter().flatten() {
            square(graph, *intent).for_each(|cell| self.counts[cell] = false);
        }
    }

    /// The cell with the highest gain per step, patrol included; the nearest of equals. The search ends where not even
    /// a full square would be worth the way.
    fn best_point(&self, graph: &mut PoseGraph, from: Pose, given_up: Option<usize>) -> Option<usize> {
        let grid = (graph.width(), graph.cells() / graph.width());
        let mut seen = vec![false; graph.cells()];
        let mut best: Option<(u32, u32, usize)> = None;
        graph.explore(from, |pose, distance| {
            let steps = u32::from(distance) + 1;
            let better = |gain: u32| best.map_or(gain > 0, |(most, its_steps, _)| gain * its_steps > most * steps);
            if !better(FULL_SQUARE) {
                return false;
            }
            let cell = pose.cell();
            let new = !std::mem::replace(&mut seen[cell], true);
            if new && Some(cell) != given_up && !self.stations.contains(&cell) {
                let gain = self.gain_after(grid, cell, u32::from(distance));
                if better(gain) {
                    best = Some((gain, steps, cell));
                }
            }
            true
        });
        best.map(|(_, _, cell)| cell)
    }

    /// Threat in hundredths that a patrol at `cell` clears `steps` from now.
    fn gain_after(&self, (width, height): (usize, usize), cell: usize, steps: u32) -> u32 {
        let (x, y) = (cell % width, cell / width);
        let (left, right) = (x.saturating_sub(REACH), (x + REACH + 1).min(width));
        let rows = y.saturating_sub(REACH)..(y + REACH + 1).min(height);
        let cells = rows.flat_map(|row| row * width + left..row * width + right).filter(|cell| self.counts[*cell]);
        cells.map(|cell| (u32::from(self.threat[cell]) + steps).min(FULL)).sum()
    }
}
