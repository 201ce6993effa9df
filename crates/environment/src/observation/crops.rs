//! Maps around a robot, cut out of the gain map row by row.

use super::ObservationSpec;
use super::scalars::Frame;
use crate::world::World;
use crate::world::gain::{FLAG_BLOCKED, FLAG_OBJECT, GainMap, LANES, PAD, Plane, gain_at};

/// Side and reach of the near maps.
const NEAR: usize = 11;
const REACH: usize = NEAR / 2;
/// Side, spacing and reach of the far maps.
const FAR: usize = 9;
const SPACING: i32 = 5;
const FAR_REACH: i32 = SPACING * (FAR as i32 / 2);
const OBSTACLES: usize = 7;
const OBJECTS: usize = 5;
const ROBOTS: usize = 7;

pub(super) const NEAR_CELLS: usize = NEAR * NEAR;
pub(super) const FAR_CELLS: usize = FAR * FAR;
pub(super) const OBSTACLE_CELLS: usize = OBSTACLES * OBSTACLES;
pub(super) const OBJECT_CELLS: usize = OBJECTS * OBJECTS;
pub(super) const ROBOT_CELLS: usize = ROBOTS * ROBOTS;

/// 25 cells at full threat, in hundredths.
pub(super) const GAIN_SCALE: f32 = 1.0 / 2500.0;
/// Robots counted as 1 in `robots_far`.
const ROBOT_SCALE: f32 = 1.0 / 4.0;

/// Words around a robot, in its frame.
pub(super) struct Crops {
    /// Rows of [`NEAR`] words, filled up with whatever is there.
    near: [[u32; LANES]; NEAR],
    far: [u32; FAR_CELLS],
    now: u32,
}

impl Crops {
    #[inline(always)]
    pub fn read(gain: &GainMap, frame: &Frame) -> Self {
        let (plane, width, height) = if frame.by_columns {
            (&gain.by_columns, gain.height, gain.width)
        } else {
            (&gain.by_rows, gain.width, gain.height)
        };
        let mut crops = Self { near: [[0; LANES]; NEAR], far: [0; FAR_CELLS], now: frame.now };
        if frame.reversed {
            crops.read_near::<true>(plane, frame);
        } else {
            crops.read_near::<false>(plane, frame);
        }
        crops.read_far(plane, frame, width as i32, height as i32);
        crops
    }

    #[inline(always)]
    fn read_near<const REVERSED: bool>(&mut self, plane: &Plane, frame: &Frame) {
        let left = frame.along as usize + PAD - REACH;
        for (row, words) in self.near.iter_mut().enumerate() {
            let across = frame.across + frame.forward * (REACH as i32 - row as i32) + PAD as i32;
            let start = across as usize * plane.stride + left;
            let source = &plane.words[start..start + LANES];
            for lane in 0..NEAR {
                words[lane] = source[if REVERSED { NEAR - 1 - lane } else { lane }];
            }
        }
    }

    /// Samples beyond the reach of the padding are clamped to cells that have no gain either.
    #[inline(always)]
    fn read_far(&mut self, plane: &Plane, frame: &Frame, width: i32, height: i32) {
        let clamp = |value: i32, side: i32| (value.clamp(-3, side + 2) + PAD as i32) as usize;
        let right = if frame.reversed { -SPACING } else { SPACING };
        let mut along = [0; FAR];
        for (column, place) in along.iter_mut().enumerate() {
            *place = clamp(frame.along + right * (column as i32 - FAR as i32 / 2), width);
        }
        for (row, words) in self.far.chunks_exact_mut(FAR).enumerate() {
            let ahead = FAR_REACH - SPACING * row as i32;
            let across = clamp(frame.across + frame.forward * ahead, height);
            let line = &plane.words[across * plane.stride..(across + 1) * plane.stride];
            for (word, place) in words.iter_mut().zip(along) {
                *word = line[place];
            }
        }
    }

    #[inline(always)]
    fn gain(&self, word: u32) -> f32 {
        gain_at(word, self.now) as i32 as f32 * GAIN_SCALE
    }

    /// The gain under the robot.
    #[inline(always)]
    pub fn here(&self) -> f32 {
        self.gain(self.near[REACH][REACH])
    }

    /// `gain_near`, `gain_far` and `obstacles`. Whole vectors are stored, so each row is partly overwritten by what follows.
    #[inline(always)]
    pub fn write_common(&self, row: &mut [f32]) {
        for (index, words) in self.near.iter().enumerate() {
            let mut gains = [0.0; LANES];
            for lane in 0..LANES {
                gains[lane] = self.gain(words[lane]);
            }
            row[index * NEAR..index * NEAR + LANES].copy_from_slice(&gains);
        }
        self.write_far(&mut row[NEAR_CELLS..NEAR_CELLS + FAR_CELLS]);
        self.write_flag::<OBSTACLES, FLAG_BLOCKED>(&mut row[NEAR_CELLS + FAR_CELLS..]);
    }

    #[inline(always)]
    fn write_far(&self, features: &mut [f32]) {
        let mut gains = [0.0; FAR_CELLS];
        for (gain, word) in gains.iter_mut().zip(&self.far) {
            *gain = self.gain(*word);
        }
        features[..FAR_CELLS].copy_from_slice(&gains);
    }

    #[inline(always)]
    pub fn write_objects(&self, features: &mut [f32]) {
        self.write_flag::<OBJECTS, FLAG_OBJECT>(features);
    }

    #[inline(always)]
    fn write_flag<const SIDE: usize, const FLAG: u32>(&self, features: &mut [f32]) {
        let first = REACH - SIDE / 2;
        for (words, features) in self.near[first..first + SIDE].iter().zip(features.chunks_exact_mut(SIDE)) {
            let mut flags = [0.0; SIDE];
            for lane in 0..SIDE {
                flags[lane] = ((words[first + lane] & FLAG) / FLAG) as i32 as f32;
            }
            features.copy_from_slice(&flags);
        }
    }

    /// `robots_near`, `robots_far`, `gain_own` and `team`, as far as wanted.
    #[inline(always)]
    pub fn write_team(&self, spec: &ObservationSpec, world: &World, frame: &Frame, features: &mut [f32]) {
        let (robots, rest) = features.split_at_mut(if spec.team { ROBOT_CELLS + FAR_CELLS } else { 0 });
        let (own, team) = rest.split_at_mut(if spec.voronoi { FAR_CELLS } else { 0 });
        let mut offsets = [(0, 0); crate::config::MAX_ROBOTS];
        let mut others = 0;
        for (index, robot) in world.robots().iter().enumerate() {
            if index != frame.robot {
                offsets[others] = frame.offset(robot.cell);
                others += 1;
            }
        }
        if spec.team {
            write_robots(&offsets[..others], robots);
            team[0] = world.num_robots() as f32 * 0.1;
        }
        if spec.voronoi {
            self.write_own(&offsets[..others], own);
        }
    }

    /// `gain_far` where no other robot is nearer, in steps without obstacles, than the observer.
    #[inline(always)]
    fn write_own(&self, others: &[(i32, i32)], features: &mut [f32]) {
        let mut nearest = [i16::MAX; FAR_LANES];
        for (ahead, right) in others {
            for (lane, nearest) in nearest.iter_mut().enumerate() {
                let away = (SAMPLES.ahead[lane] - *ahead as i16).abs() + (SAMPLES.right[lane] - *right as i16).abs();
                *nearest = away.min(*nearest);
            }
        }
        let mut own = [0.0; FAR_CELLS];
        for (lane, feature) in own.iter_mut().enumerate() {
            let mine = SAMPLES.ahead[lane].abs() + SAMPLES.right[lane].abs();
            let gain = self.gain(self.far[lane]);
            *feature = if nearest[lane] < mine { 0.0 } else { gain };
        }
        features[..FAR_CELLS].copy_from_slice(&own);
    }
}

/// Where the samples of the far maps are, as offsets from the robot; filled up to whole vectors.
struct Samples {
    ahead: [i16; FAR_LANES],
    right: [i16; FAR_LANES],
}

const FAR_LANES: usize = FAR_CELLS.next_multiple_of(LANES);

static SAMPLES: Samples = {
    let mut samples = Samples { ahead: [0; FAR_LANES], right: [0; FAR_LANES] };
    let mut cell = 0;
    while cell < FAR_CELLS {
        samples.ahead[cell] = (FAR_REACH - SPACING * (cell / FAR) as i32) as i16;
        samples.right[cell] = (SPACING * (cell % FAR) as i32 - FAR_REACH) as i16;
        cell += 1;
    }
    samples
};

#[inline(always)]
fn write_robots(offsets: &[(i32, i32)], features: &mut [f32]) {
    features.fill(0.0);
    let (near, far) = features.split_at_mut(ROBOT_CELLS);
    let reach = ROBOTS as i32 / 2;
    for (ahead, right) in offsets {
        if ahead.abs() <= reach && right.abs() <= reach {
            near[((reach - ahead) * ROBOTS as i32 + right + reach) as usize] = 1.0;
        }
        // Rounded to the nearest sample; those beyond the map count at its rim.
        let sample = |offset: i32| ((offset + FAR_REACH + SPACING / 2).clamp(0, 2 * FAR_REACH) / SPACING) as usize;
        far[sample(-ahead) * FAR + sample(*right)] += ROBOT_SCALE;
    }
}
