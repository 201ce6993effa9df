//! The poses of a map and the single actions that lead from one to another.

use crate::action::{Action, Heading};
use crate::map::Map;

/// A pose, `4 * cell + heading`.
pub(crate) type Pose = u16;

/// Poses of a map and the moves between them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roads {
    /// Per pose, where a move leads: nowhere else if an obstacle is ahead.
    ahead: Vec<Pose>,
}

impl Roads {
    pub fn new(map: &Map) -> Self {
        let (width, height) = (map.width(), map.height());
        let ahead = (0..4 * width * height).map(|pose| {
            let (dx, dy) = Heading::ALL[pose % 4].delta();
            let cell = pose / 4;
            let (x, y) = ((cell % width) as isize + dx as isize, (cell / width) as isize + dy as isize);
            let free = !map.obstacles()[cell] && map.is_free(x, y);
            if free { (4 * (y as usize * width + x as usize) + pose % 4) as Pose } else { pose as Pose }
        });
        Self { ahead: ahead.collect() }
    }

    /// Number of poses.
    pub fn poses(&self) -> usize {
        self.ahead.len()
    }

    /// One move ahead, if no obstacle is there.
    pub fn ahead(&self, pose: Pose) -> Option<Pose> {
        Some(self.ahead[usize::from(pose)]).filter(|ahead| *ahead != pose)
    }

    /// One move back, looking the same way.
    pub fn behind(&self, pose: Pose) -> Option<Pose> {
        self.ahead(pose ^ 2).map(|pose| pose ^ 2)
    }

    /// Where an action leads if no robot is in the way.
    pub fn after(&self, pose: Pose, action: Action) -> Pose {
        // Both without a branch, as it is anybody's guess what a robot does next.
        let (ahead, turned) = (self.ahead[usize::from(pose)], pose & !3 | (pose + Pose::from(action.turns())) & 3);
        if action == Action::Forward { ahead } else { turned }
    }

    /// From now on nobody moves onto this cell or leaves it.
    pub fn block(&mut self, cell: usize) {
        for (pose, ahead) in self.ahead.iter_mut().enumerate() {
            if pose / 4 == cell || cell_of(*ahead) == cell {
                *ahead = pose as Pose;
            }
        }
    }

    /// The cells beside a cell.
    pub fn neighbours(&self, cell: usize) -> impl Iterator<Item = usize> + '_ {
        (0..4).filter_map(move |heading| self.ahead((4 * cell + heading) as Pose)).map(cell_of)
    }
}

pub(crate) fn cell_of(pose: Pose) -> usize {
    usize::from(pose / 4)
}
