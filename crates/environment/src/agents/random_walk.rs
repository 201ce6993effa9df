//! Random actions: what knowing nothing is worth.

use super::pilot::{Decision, Reason, Strategy};
use super::pose_graph::PoseGraph;
use crate::action::Action;
use crate::rng::{Stream, below};
use crate::world::World;
use rand_chacha::ChaCha8Rng;

/// Drawn from uniformly.
const LOTS: [Action; 8] = [
    Action::Forward,
    Action::Forward,
    Action::Forward,
    Action::Forward,
    Action::TurnLeft,
    Action::TurnRight,
    Action::Patrol,
    Action::Patrol,
];

/// Moves with probability 1/2, patrols with 1/4 and turns either way with 1/8, so that it gets about. Goes to charge
/// in time.
#[derive(Default)]
pub(super) struct RandomWalk {
    rng: Option<ChaCha8Rng>,
}

impl Strategy for RandomWalk {
    fn name(&self) -> &'static str {
        "random_walk"
    }

    fn reset(&mut self, world: &World, _: &mut PoseGraph) {
        self.rng = Some(world.key().rng(Stream::Agent));
    }

    fn decide(&mut self, _: &World, _: &mut PoseGraph, _: usize, _: Reason) -> Decision {
        let action = self.rng.as_mut().map_or(Action::Patrol, |rng| LOTS[below(rng, LOTS.len())]);
        Decision::Act(action)
    }
}
