//! The quickest way in space and time that meets nobody who is under way already.
//!
//! Cooperative A* (Silver, *Cooperative pathfinding*, AIIDE 2005): one robot after another searches the poses of a map over
//! time, waits included, and those planned before are obstacles that move.

use crate::action::Action;
use crate::roads::{Pose, Roads, cell_of};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Poses that a search may expand before it gives up.
const MOST_EXPANDED: usize = 20_000;

/// Cell of a robot on its way after so many steps; it stays where the way ends.
pub(super) fn cell_at(way: &[Pose], steps: usize) -> usize {
    cell_of(way[steps.min(way.len() - 1)])
}

/// What a search must respect.
pub(super) struct Search<'a> {
    pub roads: &'a Roads,
    /// The ways of others from the same moment on.
    pub others: &'a [&'a [Pose]],
    /// Cells not to enter in the first steps, and how many those are.
    pub avoided: (&'a [usize], usize),
    /// The most steps that the way may take.
    pub limit: usize,
}

#[derive(Clone, Copy)]
struct Node {
    pose: Pose,
    steps: u16,
    before: u32,
}

impl Search<'_> {
    /// Poses from `from` to the first that is a goal after so many steps, each a step after the one before. `estimate` says
    /// how many steps remain, 0 where nothing is known.
    pub fn find(
        &self,
        from: Pose,
        estimate: impl Fn(Pose) -> u16,
        is_goal: impl Fn(Pose, usize) -> bool,
    ) -> Option<Vec<Pose>> {
        let poses = self.roads.poses();
        let mut seen = vec![0u64; (poses * (self.limit + 1)).div_ceil(64)];
        let mut nodes = vec![Node { pose: from, steps: 0, before: 0 }];
        let mut open = BinaryHeap::from([(Reverse(u32::from(estimate(from))), 0u16, 0u32)]);
        let mut expanded = 0;
        while let Some((_, _, index)) = open.pop() {
            let node = nodes[index as usize];
            let steps = usize::from(node.steps);
            if is_goal(node.pose, steps) {
                return Some(trace(&nodes, index));
            }
            expanded += 1;
            if expanded > MOST_EXPANDED {
                return None;
            }
            if steps == self.limit {
                continue;
            }
            for action in Action::ALL {
                let pose = self.roads.after(node.pose, action);
                let bit = (steps + 1) * poses + usize::from(pose);
                if (action == Action::Forward && pose == node.pose)
                    || seen[bit / 64] >> (bit % 64) & 1 == 1
                    || !self.may_go(cell_of(node.pose), cell_of(pose), steps)
                {
                    continue;
                }
                seen[bit / 64] |= 1 << (bit % 64);
                let total = steps as u32 + 1 + u32::from(estimate(pose));
                open.push((Reverse(total), node.steps + 1, nodes.len() as u32));
                nodes.push(Node { pose, steps: node.steps + 1, before: index });
            }
        }
        None
    }

    /// Whether a robot can go from one cell to another, or stay, in the step after `steps`: nobody else is there then,
    /// and nobody comes the other way.
    fn may_go(&self, from: usize, to: usize, steps: usize) -> bool {
        let clear = |way: &&[Pose]| {
            let next = cell_at(way, steps + 1);
            next != to && !(next == from && cell_at(way, steps) == to)
        };
        let (avoided, first_steps) = self.avoided;
        let enters_avoided = from != to && steps < first_steps && avoided.contains(&to);
        !enters_avoided && self.others.iter().all(clear)
    }
}

fn trace(nodes: &[Node], last: u32) -> Vec<Pose> {
    let mut way = Vec::with_capacity(usize::from(nodes[last as usize].steps) + 1);
    let mut index = last;
    loop {
        let node = nodes[index as usize];
        way.push(node.pose);
        if node.steps == 0 {
            way.reverse();
            return way;
        }
        index = node.before;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::action::Heading;
    use crate::map::{Cell, Map};

    /// A corridor of seven cells with a bay to the north of the fifth one.
    pub fn corridor() -> Map {
        let rows = ["####.##", ".......", "#######"];
        let obstacles = rows.iter().flat_map(|row| row.bytes().map(|cell| cell == b'#')).collect();
        Map::new(7, 3, obstacles, vec![Cell { x: 4, y: 1 }]).expect("a map")
    }

    /// The pose on the corridor's cell `x`.
    pub fn pose(x: u16, heading: Heading) -> Pose {
        4 * (7 + x) + heading as Pose
    }

    #[test]
    fn a_robot_waits_in_the_bay_for_one_that_comes_the_other_way() {
        let roads = Roads::new(&corridor());
        let waits = std::iter::repeat_n(pose(6, Heading::West), 5);
        let coming: Vec<Pose> = waits.chain((0..7).rev().map(|x| pose(x, Heading::West))).collect();
        let search = |others: &[&[Pose]], limit| {
            let search = Search { roads: &roads, others, avoided: (&[], 0), limit };
            search.find(pose(3, Heading::East), |_| 0, |pose, _| cell_of(pose) == 7 + 6)
        };
        assert_eq!(search(&[], 50).expect("a way").len(), 4);
        let way = search(&[&coming], 50).expect("a way");
        for steps in 0..way.len() {
            let (mine, theirs) = (cell_at(&way, steps), cell_at(&coming, steps));
            assert_ne!(mine, theirs, "step {steps}");
            let swap = steps > 0 && mine == cell_at(&coming, steps - 1) && theirs == cell_at(&way, steps - 1);
            assert!(!swap, "step {steps}");
        }
        assert!(way.iter().any(|pose| cell_of(*pose) == 4), "{way:?}");
        // Whoever stays in the corridor is never passed.
        assert_eq!(search(&[&[pose(5, Heading::West)]], 50), None);
    }
}
