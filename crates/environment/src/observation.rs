//! What a robot sees: features in its own frame, rotated into its heading.
//!
//! | block | features | values |
//! |---|---|---|
//! | `gain_near` | 11×11 | gain around the robot |
//! | `gain_far` | 9×9 | gain at every fifth cell, up to 20 cells away |
//! | `obstacles` | 7×7 | 1 where nothing can stand |
//! | `rim` | 4 | cells to the rim of the grid ahead, to the right, behind, to the left, each / 25 |
//! | `last_action` | 4 | one-hot; all 0 at the start |
//! | `here` | 2 | gain under the robot, mean threat |
//! | `objects` | 5×5 + 3 | 1 where an object lies; the nearest one: ahead / 20, right / 20, 1/(1 + distance) |
//! | `charge` | 10 | charge, charging, reserve; the robot's own station: actions to it / 100 up to 4, ahead / 20, right / 20, and whether moving, turning right or turning left brings it closer; drain rate × 2. Where batteries outlast the episode: charge, 0, 1, 0, … |
//! | `robots_near` | 7×7 | 1 where another robot stands |
//! | `robots_far` | 9×9 | other robots / 4 nearest to that sample of `gain_far` |
//! | `gain_own` | 9×9 | `gain_far` where no other robot is nearer (L1 Voronoi cell), else 0 |
//! | `team` | 1 | robots / 10 |
//! | `paths` | 4×4 | along ways over free cells that start ahead, to the right, behind, to the left: best gain × 0.8^way, best gain × 0.95^way, the latter where no other robot is nearer, 1/(1 + way) of the first object |
//! | `tour` | 4 | one-hot: what the scripted tour would do next |
//! | `obstacles_ring` | 72 | `obstacles` further out: 11×11 without the 7×7 in the middle |
//! | `slack` | 1 | steps for which the tour leaves the robot free, / 20, −1 to 1; 1 where robots have to charge |
//!
//! The *gain* of a cell is the threat within Chebyshev distance 2 of it, what a patrol there would clear, as a share of
//! 25 cells at full threat. Maps are row-major in the robot's frame: the row furthest ahead first, the leftmost column
//! first. No value depends on the size of the world or of the team, so that one policy can serve all.

mod crops;
mod paths;
mod scalars;

use crate::config::{CELLS_PER_ROBOT, WorldConfig};
use crate::simd::Kernel;
use crate::world::World;
use crate::world::gain::GainMap;
use std::ops::Range;

/// Which feature blocks an observation has; `gain_near`, `gain_far`, `obstacles`, `rim`, `last_action` and `here` are always
/// there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservationSpec {
    /// The blocks `robots_near`, `robots_far` and `team`.
    pub team: bool,
    /// The block `gain_own`.
    pub voronoi: bool,
    /// The block `objects`.
    pub objects: bool,
    /// The block `charge`.
    pub battery: bool,
    /// The block `paths`.
    pub paths: bool,
    /// The block `tour`.
    pub tour: bool,
    /// The block `obstacles_ring`.
    pub ring: bool,
    /// The block `slack`; and where the tour advises and nobody has to charge, masks that allow a robot without slack nothing but
    /// what it advises.
    pub slack: bool,
}

/// A named run of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureBlock {
    /// Stable name, stored with a policy.
    pub name: &'static str,
    /// Where the block is in the row.
    pub range: Range<usize>,
}

/// Entries of the block `tour`.
const ADVICE: usize = 4;

/// Features that every observation has.
const COMMON: usize = crops::NEAR_CELLS + crops::FAR_CELLS + crops::OBSTACLE_CELLS + 4 + 4 + 2;

impl ObservationSpec {
    /// What a policy for such a world sees: a lone robot also the ring, unless its world is so small that this is mostly wall; a
    /// team its slack, unless it has to charge, when no timetable holds, or the world is too large for it, when the best rounds
    /// leave cells out.
    pub fn for_world(world: &WorldConfig) -> Self {
        let ring = world.num_robots == 1 && world.width.max(world.height) > crops::NEAR;
        let slack = world.num_robots > 1 && world.keeps_up() && world.batteries_last();
        Self { ring, slack, ..Self::for_team(world.num_robots) }
    }

    /// What a policy for such a world sees if it starts from the tour: a lone robot its slack too, unless it has to charge or
    /// the world is so large that the best rounds leave cells out.
    pub fn from_tour(world: &WorldConfig) -> Self {
        let slack = world.num_robots == 1 && world.width * world.height <= CELLS_PER_ROBOT && world.batteries_last();
        let observation = Self::for_world(world);
        Self { tour: true, slack: slack || observation.slack, ..observation }
    }

    /// What a policy for one team size sees: no ways, no ring and no slack, and the team blocks only for several robots.
    pub fn for_team(num_robots: usize) -> Self {
        Self {
            team: num_robots > 1,
            voronoi: num_robots > 1,
            objects: true,
            battery: true,
            paths: false,
            tour: num_robots > 1,
            ring: false,
            slack: false,
        }
    }

    /// What a policy for all worlds and teams sees: every block but `obstacles_ring`.
    pub fn universal() -> Self {
        Self {
            team: true,
            voronoi: true,
            objects: true,
            battery: true,
            paths: true,
            tour: true,
            ring: false,
            slack: true,
        }
    }

    /// Number of features per robot.
    pub fn len(&self) -> usize {
        self.sizes().iter().map(|(_, size)| size).sum()
    }

    /// Never true: some blocks are always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Name and range of each feature block, in order and without gaps.
    pub fn blocks(&self) -> Vec<FeatureBlock> {
        let mut start = 0;
        let block = |(name, size): (&'static str, usize)| {
            let range = start..start + size;
            start = range.end;
            FeatureBlock { name, range }
        };
        self.sizes().into_iter().filter(|(_, size)| *size > 0).map(block).collect()
    }

    /// Where a block is in the row, if it is there.
    pub fn block(&self, name: &str) -> Option<Range<usize>> {
        self.blocks().into_iter().find(|block| block.name == name).map(|block| block.range)
    }

    /// Writes the features of `robot` to the first [`ObservationSpec::len`] entries of `row`.
    ///
    /// Fast if [`World::track_observations`] was called; correct in any case.
    ///
    /// # Panics
    /// If `row` is shorter than [`ObservationSpec::len`] or there is no such robot.
    pub fn write(&self, world: &World, robot: usize, row: &mut [f32]) {
        match &world.field.gain {
            Some(gain) => self.write_from(world, gain, robot, row),
            None => {
                let mut tracked = world.clone();
                tracked.track_observations(self);
                self.write(&tracked, robot, row);
            }
        }
    }

    fn write_from(&self, world: &World, gain: &GainMap, robot: usize, row: &mut [f32]) {
        gain.simd.run(WriteRow { spec: self, world, gain, robot, row: &mut row[..self.len()] });
    }

    fn sizes(&self) -> [(&'static str, usize); 16] {
        let when = |wanted: bool, size: usize| if wanted { size } else { 0 };
        [
            ("gain_near", crops::NEAR_CELLS),
            ("gain_far", crops::FAR_CELLS),
            ("obstacles", crops::OBSTACLE_CELLS),
            ("rim", 4),
            ("last_action", 4),
            ("here", 2),
            ("objects", when(self.objects, crops::OBJECT_CELLS + 3)),
            ("charge", when(self.battery, scalars::BATTERY)),
            ("robots_near", when(self.team, crops::ROBOT_CELLS)),
            ("robots_far", when(self.team, crops::FAR_CELLS)),
            ("gain_own", when(self.voronoi, crops::FAR_CELLS)),
            ("team", when(self.team, 1)),
            ("paths", when(self.paths, paths::PATHS)),
            ("tour", when(self.tour, ADVICE)),
            ("obstacles_ring", when(self.ring, crops::RING_CELLS)),
            ("slack", when(self.slack, 1)),
        ]
    }
}

struct WriteRow<'a> {
    spec: &'a ObservationSpec,
    world: &'a World,
    gain: &'a GainMap,
    robot: usize,
    row: &'a mut [f32],
}

impl Kernel for WriteRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { spec, world, gain, robot, row } = self;
        let frame = scalars::Frame::new(world, robot);
        let (row, slack) = row.split_at_mut(row.len() - usize::from(spec.slack));
        let (row, ring) = row.split_at_mut(row.len() - if spec.ring { crops::RING_CELLS } else { 0 });
        let (row, tour) = row.split_at_mut(row.len() - if spec.tour { ADVICE } else { 0 });
        let (common, rest) = row.split_at_mut(COMMON);
        let (objects, rest) = rest.split_at_mut(if spec.objects { crops::OBJECT_CELLS + 3 } else { 0 });
        let here = if frame.reversed {
            crops::write_maps::<true>(gain, &frame, common, objects, ring)
        } else {
            crops::write_maps::<false>(gain, &frame, common, objects, ring)
        };
        scalars::write_common(world, &frame, here, &mut common[COMMON - 10..]);
        if spec.objects {
            scalars::write_nearest_object(world, &frame, &mut objects[crops::OBJECT_CELLS..]);
        }
        let (battery, rest) = rest.split_at_mut(if spec.battery { scalars::BATTERY } else { 0 });
        if spec.battery {
            scalars::write_charge(world, &frame, battery);
        }
        let (team, paths) = rest.split_at_mut(rest.len() - if spec.paths { paths::PATHS } else { 0 });
        crops::write_team(spec, world, &frame, &common[crops::NEAR_CELLS..], team);
        if spec.paths {
            paths::write_paths(world, gain, &frame, paths);
        }
        if spec.tour {
            scalars::write_advice(world, robot, tour);
        }
        if spec.slack {
            scalars::write_slack(world, robot, slack);
        }
    }
}
