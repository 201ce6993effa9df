//! The quickest way to one goal from wherever a robot strays: distances spread backwards from the goal, once and only as far as
//! they are asked for.

use super::Goal;
use crate::action::{Action, Heading};
use crate::agents::pose_graph::{Pose, PoseGraph, UNREACHABLE};

/// What moves and turns, in the order in which [`PoseGraph::plan`] tries it.
const TRIED: [Action; 3] = [Action::Forward, Action::TurnLeft, Action::TurnRight];

/// Steps to a goal.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    goal: Option<Goal>,
    /// Steps to the goal from the reverse of each pose, [`UNREACHABLE`] where that is not known yet: every plan can be
    /// walked backwards, looking the other way.
    distances: Vec<u16>,
    /// Poses whose distance is known, nearest first, and how many of them were spread from.
    reached: Vec<Pose>,
    spread: usize,
}

impl Way {
    /// Forgets what it knows, because the graph has changed.
    pub fn forget(&mut self) {
        self.goal = None;
    }

    /// Whether there is a way from `from` to `goal`. Only if there is may it be asked for.
    pub fn find(&mut self, graph: &PoseGraph, from: Pose, goal: Goal) -> bool {
        if self.goal != Some(goal) {
            self.start_at(graph, goal);
        }
        while self.distances[from.reversed().index()] == UNREACHABLE {
            let Some(&pose) = self.reached.get(self.spread) else { return false };
            self.spread += 1;
            let distance = self.distances[pose.index()] + 1;
            TRIED.into_iter().for_each(|action| self.reach(graph.after(pose, action), distance));
        }
        true
    }

    /// Steps of the quickest plan, if there is any.
    pub fn steps_from(&mut self, graph: &PoseGraph, from: Pose, goal: Goal) -> Option<u32> {
        self.find(graph, from, goal).then(|| self.steps(from).into())
    }

    /// Steps of the quickest plan to the goal that was asked for last.
    pub fn steps(&self, from: Pose) -> u16 {
        self.distances[from.reversed().index()]
    }

    /// The next action of the quickest plan, as breadth-first search finds it: of all quickest ones the first in the order in
    /// which actions are tried. `None` at the goal.
    pub fn next(&self, graph: &PoseGraph, from: Pose) -> Option<Action> {
        let left = self.steps(from).checked_sub(1)?;
        TRIED.into_iter().find(|action| self.steps(graph.after(from, *action)) == left)
    }

    /// The whole of that plan.
    pub fn from(&self, graph: &PoseGraph, mut pose: Pose) -> impl Iterator<Item = Action> {
        std::iter::from_fn(move || {
            let action = self.next(graph, pose)?;
            pose = graph.after(pose, action);
            Some(action)
        })
    }

    fn start_at(&mut self, graph: &PoseGraph, goal: Goal) {
        self.distances.resize(4 * graph.cells(), UNREACHABLE);
        self.reached.drain(..).for_each(|pose| self.distances[pose.index()] = UNREACHABLE);
        (self.goal, self.spread) = (Some(goal), 0);
        let poses = Heading::ALL.into_iter().map(|heading| Pose::new(goal.cell, heading));
        poses.filter(|pose| goal.is_reached(*pose)).for_each(|pose| self.reach(pose.reversed(), 0));
    }

    fn reach(&mut self, pose: Pose, distance: u16) {
        if self.distances[pose.index()] == UNREACHABLE {
            self.distances[pose.index()] = distance;
            self.reached.push(pose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EpisodeKey, MapConfig, MapType, Purpose, World, WorldConfig};
    use proptest::prelude::*;

    proptest! {
        /// From any pose, one after the other, to any goal, also where robots that stopped for good are in the way.
        #[test]
        fn the_way_is_what_breadth_first_search_finds(
            map_type in prop::sample::select(MapType::ALL.to_vec()), width in 5usize..24, height in 5usize..24,
            run_seed: u64, heading in prop::option::of(prop::sample::select(Heading::ALL.to_vec())),
            places in prop::collection::vec(any::<prop::sample::Index>(), 3..40),
        ) {
            let map = MapConfig { map_type, ..MapConfig::default() };
            let config = WorldConfig { width, height, map, ..WorldConfig::default() };
            let key = EpisodeKey { run_seed, purpose: Purpose::Test, env_index: 0, episode: 0 };
            let Ok(world) = World::new(&config, key) else { return Ok(()) };
            let mut graph = PoseGraph::new(world.map());
            let free: Vec<usize> = (0..graph.cells()).filter(|cell| !graph.is_blocked(*cell)).collect();
            let (mut way, mut searched) = (Way::default(), Vec::new());
            let goal = Goal { cell: places[0].index(graph.cells()), heading, patrol: true };
            for (turn, place) in places.iter().enumerate().skip(1) {
                let cell = *place.get(&free);
                if turn == places.len() / 2 {
                    graph.block(cell);
                    way.forget();
                }
                let from = Pose::new(cell, Heading::ALL[turn % 4]);
                if graph.is_blocked(cell) || goal.is_reached(from) {
                    continue;
                }
                let there_is = graph.plan(from, &[], |pose| goal.is_reached(pose), &mut searched);
                searched.reverse();
                let there_is_a_way = way.find(&graph, from, goal);
                let plan: Vec<Action> = there_is_a_way.then(|| way.from(&graph, from)).into_iter().flatten().collect();
                prop_assert_eq!((there_is_a_way, &plan), (there_is, &searched));
            }
        }
    }
}
