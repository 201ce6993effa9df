//! Uniformly random actions: what knowing nothing is worth.

use super::pilot::{Decision, Reason, Strategy};
use super::pose_graph::PoseGraph;
use crate::action::Action;
use crate::rng::{Stream, below};
use crate::world::World;
use rand_chacha::ChaCha8Rng;

/// Chooses each action with probability 1/4, except that it goes to charge in time.
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
        let action = self.rng.as_mut().map_or(Action::Patrol, |rng| Action::ALL[below(rng, Action::COUNT)]);
        Decision::Act(action)
    }
}
