//! Obstacles beyond the block `obstacles`, as far as `gain_near` reaches: on which side of them a way leads is decided before a
//! robot stands next to them.

use super::scalars::Frame;
use crate::world::gain::{FLAG_BLOCKED, GainMap, PAD};

/// Side of the map, and cells from its middle to its rim: those of the padding.
pub(super) const SIDE: usize = 2 * PAD + 1;
const REACH: i32 = PAD as i32;
/// Width of the ring around the cells that `obstacles` shows.
const WIDTH: usize = 2;
const INSIDE: usize = SIDE - 2 * WIDTH;
/// Entries of the block `obstacles_ring`.
pub(super) const RING: usize = SIDE * SIDE - INSIDE * INSIDE;

/// The block `obstacles_ring`.
#[inline(always)]
pub(super) fn write_ring(gain: &GainMap, frame: &Frame, features: &mut [f32]) {
    let plane = if frame.by_columns { &gain.by_columns } else { &gain.by_rows };
    let mut rest = features;
    for ahead in (-REACH..=REACH).rev() {
        let across = (frame.across + frame.forward * ahead + REACH) as usize;
        let words = &plane.words[across * plane.stride + frame.along as usize..][..SIDE];
        let mut flags = [0.0; SIDE];
        for (lane, flag) in flags.iter_mut().enumerate() {
            let word = words[if frame.reversed { SIDE - 1 - lane } else { lane }];
            *flag = ((word & FLAG_BLOCKED) / FLAG_BLOCKED) as i32 as f32;
        }
        let beyond = ahead.unsigned_abs() as usize > INSIDE / 2;
        let (row, next) = rest.split_at_mut(if beyond { SIDE } else { 2 * WIDTH });
        if beyond {
            row.copy_from_slice(&flags);
        } else {
            row[..WIDTH].copy_from_slice(&flags[..WIDTH]);
            row[WIDTH..].copy_from_slice(&flags[SIDE - WIDTH..]);
        }
        rest = next;
    }
}
