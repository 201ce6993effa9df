//! Maps around a robot, cut out of the gain map row by row.

use super::ObservationSpec;
use super::scalars::Frame;
use crate::config::{MAX_ROBOTS, SIDE_RANGE};
use crate::world::World;
use crate::world::gain::{BOX, FLAG_BLOCKED, FLAG_OBJECT, GainMap, LANES, PAD, Plane, gain_at};
use crate::world::square::ROW;
use std::ops::Range;

/// Side of the near maps.
pub(super) const NEAR: usize = 11;
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
/// Width of the ring around `obstacles` as far as the near maps reach, and its cells.
const RING_WIDTH: usize = (NEAR - OBSTACLES) / 2;
pub(super) const RING_CELLS: usize = NEAR * NEAR - OBSTACLE_CELLS;
pub(super) const OBJECT_CELLS: usize = OBJECTS * OBJECTS;
pub(super) const ROBOT_CELLS: usize = ROBOTS * ROBOTS;

/// 25 cells at full threat, in hundredths.
pub(super) const GAIN_SCALE: f32 = 1.0 / 2500.0;
/// Robots counted as 1 in `robots_far`.
const ROBOT_SCALE: f32 = 1.0 / 4.0;

/// Words of a row that hold all samples of a far map.
const FAR_WORDS: usize = 48;

/// All maps of cells that are wanted, each with a slice that is not empty; the gain under the robot.
#[inline(always)]
pub(super) fn write_maps<const REVERSED: bool>(
    gain: &GainMap,
    frame: &Frame,
    common: &mut [f32],
    objects: &mut [f32],
    ring: &mut [f32],
) -> f32 {
    let crops = Crops::<REVERSED>::new(gain, frame);
    crops.write_common(common);
    if !objects.is_empty() {
        crops.write_flag::<OBJECTS, FLAG_OBJECT>(objects);
    }
    if !ring.is_empty() {
        crops.write_ring(ring);
    }
    crops.here()
}

/// The words around a robot, in its frame. Its right is towards the end of a row, or if `REVERSED` towards the start.
struct Crops<'a, const REVERSED: bool> {
    words: &'a [u32],
    /// Index of the robot's own word.
    here: i32,
    /// From a word to the one ahead of it.
    ahead: i32,
    /// The first rows ahead of the robot and behind it that have no gain.
    rows: (i32, i32),
    /// All bits for samples in columns that have gain.
    inside: [u32; LANES],
    now: u32,
}

impl<'a, const REVERSED: bool> Crops<'a, REVERSED> {
    #[inline(always)]
    fn new(gain: &'a GainMap, frame: &Frame) -> Self {
        let (plane, width, height) = if frame.by_columns {
            (&gain.by_columns, gain.height as i32, gain.width as i32)
        } else {
            (&gain.by_rows, gain.width as i32, gain.height as i32)
        };
        let Plane { stride, words } = plane;
        let (stride, pad, rim) = (*stride as i32, PAD as i32, BOX as i32);
        let here = (frame.across + pad) * stride + frame.along + pad;
        let (before, after) = (frame.across + rim + 1, height + rim - frame.across);
        let rows = if frame.forward < 0 { (before, after) } else { (after, before) };
        let mut inside = [0; LANES];
        for (lane, inside) in inside.iter_mut().enumerate().take(FAR) {
            let right = SPACING * lane as i32 - FAR_REACH;
            let column = frame.along + if REVERSED { -right } else { right };
            *inside = if (column >= -rim) & (column < width + rim) { u32::MAX } else { 0 };
        }
        Self { words, here, ahead: frame.forward * stride, rows, inside, now: frame.now }
    }

    /// A row of `SIDE` words around the robot's column, filled up with whatever is there.
    #[inline(always)]
    fn near_row<const SIDE: usize, const WORDS: usize>(&self, ahead: i32) -> [u32; WORDS] {
        let words: [u32; WORDS] = self.words(ahead, SIDE / 2);
        let mut row = [0; WORDS];
        for lane in 0..WORDS {
            row[lane] = words[if REVERSED { (SIDE - 1 + WORDS - lane) % WORDS } else { lane }];
        }
        row
    }

    /// Which rows of samples have any gain.
    #[inline(always)]
    fn far_rows(&self) -> Range<usize> {
        let beyond = |rows: i32| (FAR_REACH + SPACING - rows).max(0) / SPACING;
        beyond(self.rows.0) as usize..FAR - beyond(self.rows.1) as usize
    }

    /// A row of samples, filled up with 0.
    #[inline(always)]
    fn far_row(&self, ahead: i32) -> [u32; LANES] {
        let words: [u32; FAR_WORDS] = self.words(ahead, FAR_REACH as usize);
        let mut row = [0; LANES];
        for (lane, word) in row.iter_mut().enumerate() {
            let sample = lane.min(FAR - 1);
            *word = words[SPACING as usize * if REVERSED { FAR - 1 - sample } else { sample }] & self.inside[lane];
        }
        row
    }

    /// Words of the row that lies so far ahead, starting so many before the robot's column.
    #[inline(always)]
    fn words<const WORDS: usize>(&self, ahead: i32, before: usize) -> [u32; WORDS] {
        let start = (self.here + ahead * self.ahead) as usize - before;
        let mut words = [0; WORDS];
        words.copy_from_slice(&self.words[start..start + WORDS]);
        words
    }

    #[inline(always)]
    fn gains(&self, words: [u32; LANES]) -> [f32; LANES] {
        let mut gains = [0.0; LANES];
        for lane in 0..LANES {
            gains[lane] = gain_at(words[lane], self.now) as i32 as f32 * GAIN_SCALE;
        }
        gains
    }

    /// The gain under the robot.
    #[inline(always)]
    fn here(&self) -> f32 {
        let [word] = self.near_row::<1, 1>(0);
        gain_at(word, self.now) as i32 as f32 * GAIN_SCALE
    }

    /// `gain_near`, `gain_far` and `obstacles`. Whole vectors are stored, so each row is partly overwritten by what follows.
    #[inline(always)]
    fn write_common(&self, row: &mut [f32]) {
        for index in 0..NEAR {
            let gains = self.gains(self.near_row::<NEAR, LANES>((NEAR / 2) as i32 - index as i32));
            row[index * NEAR..index * NEAR + LANES].copy_from_slice(&gains);
        }
        let row = &mut row[NEAR_CELLS..];
        row[..FAR_CELLS].fill(0.0);
        for index in self.far_rows() {
            let gains = self.gains(self.far_row(FAR_REACH - SPACING * index as i32));
            row[index * FAR..index * FAR + LANES].copy_from_slice(&gains);
        }
        self.write_flag::<OBSTACLES, FLAG_BLOCKED>(&mut row[FAR_CELLS..]);
    }

    /// Overwrites also some features behind the block.
    #[inline(always)]
    fn write_flag<const SIDE: usize, const FLAG: u32>(&self, features: &mut [f32]) {
        for index in 0..SIDE {
            let flags = flags::<FLAG, ROW>(self.near_row::<SIDE, ROW>((SIDE / 2) as i32 - index as i32));
            features[index * SIDE..index * SIDE + ROW].copy_from_slice(&flags);
        }
    }

    /// Obstacles as far as `gain_near` reaches, beyond the block `obstacles`: on which side of them a way leads is decided
    /// before a robot stands next to them.
    #[inline(always)]
    fn write_ring(&self, ring: &mut [f32]) {
        let mut rest = ring;
        for index in 0..NEAR {
            let words = self.near_row::<NEAR, LANES>((NEAR / 2) as i32 - index as i32);
            let flags = flags::<FLAG_BLOCKED, LANES>(words);
            let beyond = !(RING_WIDTH..NEAR - RING_WIDTH).contains(&index);
            let (row, next) = rest.split_at_mut(if beyond { NEAR } else { 2 * RING_WIDTH });
            if beyond {
                row.copy_from_slice(&flags[..NEAR]);
            } else {
                row[..RING_WIDTH].copy_from_slice(&flags[..RING_WIDTH]);
                row[RING_WIDTH..].copy_from_slice(&flags[NEAR - RING_WIDTH..NEAR]);
            }
            rest = next;
        }
    }
}

/// 1 where the flag is set.
#[inline(always)]
fn flags<const FLAG: u32, const WORDS: usize>(words: [u32; WORDS]) -> [f32; WORDS] {
    let mut flags = [0.0; WORDS];
    for lane in 0..WORDS {
        flags[lane] = ((words[lane] & FLAG) / FLAG) as i32 as f32;
    }
    flags
}

/// `robots_near`, `robots_far`, `gain_own` and `team`, as far as wanted.
#[inline(always)]
pub(super) fn write_team(spec: &ObservationSpec, world: &World, frame: &Frame, far: &[f32], features: &mut [f32]) {
    let mut offsets = [(0, 0); MAX_ROBOTS];
    let mut others = 0;
    for (index, robot) in world.robots().iter().enumerate() {
        if index != frame.robot {
            let (ahead, right) = frame.offset(robot.cell);
            offsets[others] = (ahead as i8, right as i8);
            others += 1;
        }
    }
    let (robots, rest) = features.split_at_mut(if spec.team { ROBOT_CELLS + FAR_CELLS } else { 0 });
    let (own, team) = rest.split_at_mut(if spec.voronoi { FAR_CELLS } else { 0 });
    if let Some(robots) = robots.first_chunk_mut() {
        write_robots(&offsets[..others], robots);
        team[0] = world.num_robots() as f32 * 0.1;
    }
    if let Some(own) = own.first_chunk_mut() {
        write_own(&offsets[..others], far, own);
    }
}

/// `gain_far` where no other robot is nearer, in steps without obstacles, than the observer.
#[inline(always)]
fn write_own(others: &[(i8, i8)], far: &[f32], own: &mut [f32; FAR_CELLS]) {
    let mut nearest = [u8::MAX; FAR_LANES];
    for (ahead, right) in others {
        let (ahead, right) = (from_origin(*ahead), from_origin(*right));
        for (lane, nearest) in nearest.iter_mut().enumerate() {
            let away = difference(SAMPLES.ahead[lane], ahead) + difference(SAMPLES.right[lane], right);
            *nearest = away.min(*nearest);
        }
    }
    for (lane, (own, gain)) in own.iter_mut().zip(&far[..FAR_CELLS]).enumerate() {
        *own = if nearest[lane] < SAMPLES.away[lane] { 0.0 } else { *gain };
    }
}

/// Where the samples of the far maps are, and how many cells from the robot; filled up to whole vectors.
struct Samples {
    ahead: [u8; FAR_LANES],
    right: [u8; FAR_LANES],
    away: [u8; FAR_LANES],
}

const FAR_LANES: usize = FAR_CELLS.next_multiple_of(2 * LANES);

static SAMPLES: Samples = {
    let here = [from_origin(0); FAR_LANES];
    let mut samples = Samples { ahead: here, right: here, away: [0; FAR_LANES] };
    let mut cell = 0;
    while cell < FAR_CELLS {
        let ahead = FAR_REACH - SPACING * (cell / FAR) as i32;
        let right = SPACING * (cell % FAR) as i32 - FAR_REACH;
        (samples.ahead[cell], samples.right[cell]) = (from_origin(ahead as i8), from_origin(right as i8));
        samples.away[cell] = (ahead.abs() + right.abs()) as u8;
        cell += 1;
    }
    samples
};

/// An offset from the robot, counted from a place so far off that no difference and no sum of two of them needs more bits.
#[inline(always)]
const fn from_origin(offset: i8) -> u8 {
    const { assert!(2 * (FAR_REACH as usize + *SIDE_RANGE.end() - 1) <= u8::MAX as usize) };
    (offset as u8).wrapping_add(*SIDE_RANGE.end() as u8)
}

/// As `abs_diff`, which is computed with 32 bits.
#[inline(always)]
fn difference(a: u8, b: u8) -> u8 {
    a.saturating_sub(b) | b.saturating_sub(a)
}

#[inline(always)]
fn write_robots(offsets: &[(i8, i8)], features: &mut [f32; ROBOT_CELLS + FAR_CELLS]) {
    *features = [0.0; ROBOT_CELLS + FAR_CELLS];
    let (near, far) = features.split_at_mut(ROBOT_CELLS);
    let reach = ROBOTS as i32 / 2;
    for (ahead, right) in offsets.iter().map(|(ahead, right)| (i32::from(*ahead), i32::from(*right))) {
        // Without a branch, as it is anybody's guess whether a robot is near.
        let is_near = (ahead.abs() <= reach) & (right.abs() <= reach);
        let place = if is_near { ((reach - ahead) * ROBOTS as i32 + right + reach) as usize } else { 0 };
        near[place] = if is_near { 1.0 } else { near[place] };
        // Rounded to the nearest sample; those beyond the map count at its rim.
        let sample = |offset: i32| ((offset + FAR_REACH + SPACING / 2).clamp(0, 2 * FAR_REACH) / SPACING) as usize;
        far[sample(-ahead) * FAR + sample(right)] += ROBOT_SCALE;
    }
}
