//! Shortest ways between all poses of a map.

use environment::{Action, Heading, Map};
use std::collections::VecDeque;

/// A cell and a heading: `4 * cell + heading`.
pub type Pose = u16;

const MOVES: [Action; 3] = [Action::Forward, Action::TurnLeft, Action::TurnRight];
const UNKNOWN: u8 = u8::MAX;

/// For every pair of poses, the first action of one shortest way.
pub struct Roads {
    after: Vec<[Pose; 3]>,
    /// Index into [`MOVES`], by goal and pose.
    first: Vec<Vec<u8>>,
}

impl Roads {
    pub fn new(map: &Map) -> Self {
        let poses = 4 * map.width() * map.height();
        let after: Vec<[Pose; 3]> = (0..poses).map(|pose| MOVES.map(|action| after(map, pose, action))).collect();
        let mut before = vec![Vec::new(); poses];
        for (pose, next) in after.iter().enumerate() {
            (0..MOVES.len()).for_each(|action| before[usize::from(next[action])].push((pose, action as u8)));
        }
        Self { after, first: (0..poses).map(|goal| spread(goal, &before)).collect() }
    }

    /// The next action on the way between two poses, and the pose that it leads to.
    pub fn next(&self, from: Pose, to: Pose) -> (Action, Pose) {
        let action = usize::from(self.first[usize::from(to)][usize::from(from)]);
        (MOVES[action], self.after[usize::from(from)][action])
    }
}

/// Breadth-first search backwards from `goal`.
fn spread(goal: usize, before: &[Vec<(usize, u8)>]) -> Vec<u8> {
    let mut first = vec![UNKNOWN; before.len()];
    first[goal] = 0;
    let mut queue = VecDeque::from([goal]);
    while let Some(pose) = queue.pop_front() {
        for (earlier, action) in &before[pose] {
            if first[*earlier] == UNKNOWN {
                first[*earlier] = *action;
                queue.push_back(*earlier);
            }
        }
    }
    first
}

fn after(map: &Map, pose: usize, action: Action) -> Pose {
    let (cell, heading) = (pose / 4, pose % 4);
    let pose = match action {
        Action::TurnLeft => 4 * cell + (heading + 3) % 4,
        Action::TurnRight => 4 * cell + (heading + 1) % 4,
        _ => {
            let (dx, dy) = Heading::ALL[heading].delta();
            let (x, y) = ((cell % map.width()) as isize + dx as isize, (cell / map.width()) as isize + dy as isize);
            let free = !map.obstacles()[cell] && map.is_free(x, y);
            if free { 4 * (y as usize * map.width() + x as usize) + heading } else { pose }
        }
    };
    pose as Pose
}
