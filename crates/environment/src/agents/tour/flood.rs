//! Breadth-first search from four poses at once, with one bit per cell.
//!
//! All poses at the same distance are found by a few shifts of whole words: a move shifts the cells of its heading, a turn
//! takes those of the headings beside it.

use super::legs::{TURNING, Transfer};
use crate::agents::pose_graph::{Pose, PoseGraph};
use crate::simd::Kernel;

/// Cells by heading on arrival and start.
type Cells = [[u64; 4]; 4];

/// A search that went everywhere.
pub(super) const TO_THE_END: u16 = u16::MAX;

/// Where to search, and for what.
pub(super) struct Flood {
    /// Bits from a cell to the one below: rows are one blocked cell apart.
    stride: usize,
    width: usize,
    /// Words before the first cell and behind the last one.
    margin: usize,
    free: Vec<u64>,
    wanted: Vec<u64>,
    /// Per bit: which of the wanted cells it is.
    index: Vec<u16>,
}

impl Flood {
    /// Searches for the cells `wanted`.
    pub fn new(graph: &PoseGraph, wanted: &[usize]) -> Self {
        let width = graph.width();
        let stride = width + 1;
        let margin = stride / 64 + 1;
        let words = 2 * margin + (graph.cells() / width * stride).div_ceil(64);
        let (free, index) = (vec![0; words], vec![0; 64 * words]);
        let mut flood = Self { stride, width, margin, wanted: free.clone(), free, index };
        for cell in (0..graph.cells()).filter(|cell| !graph.is_blocked(*cell)) {
            let bit = flood.bit(cell);
            flood.free[bit / 64] |= 1 << (bit % 64);
        }
        for (index, cell) in wanted.iter().enumerate() {
            let bit = flood.bit(*cell);
            flood.wanted[bit / 64] |= 1 << (bit % 64);
            flood.index[bit] = index as u16;
        }
        flood
    }

    /// Which of the wanted cells it is; the last one if the same cell is wanted more than once.
    pub fn index(&self, cell: usize) -> usize {
        usize::from(self.index[self.bit(cell)])
    }

    /// Moves from one cell to another if nothing is in the way.
    pub fn cells_between(&self, a: usize, b: usize) -> u16 {
        ((a / self.width).abs_diff(b / self.width) + (a % self.width).abs_diff(b % self.width)) as u16
    }

    fn bit(&self, cell: usize) -> usize {
        64 * self.margin + cell / self.width * self.stride + cell % self.width
    }
}

/// Writes the steps from the poses `from` to each wanted cell that can be reached, looking any way. Returns how far it went:
/// [`TURNING`] further than to the first `enough` cells, or [`TO_THE_END`].
pub(super) struct Search<'a> {
    pub flood: &'a Flood,
    pub from: [Pose; 4],
    pub enough: u32,
    pub steps: &'a mut [Transfer],
}

impl Kernel for Search<'_> {
    type Output = u16;

    #[inline(always)]
    fn run(self) -> u16 {
        let Self { flood, from, enough, steps } = self;
        let Flood { stride, margin, free, wanted, index, .. } = flood;
        let (far, shift) = (stride / 64, stride % 64);
        let mut unseen: Vec<Cells> = free.iter().map(|free| [[*free; 4]; 4]).collect();
        let mut front = vec![Cells::default(); free.len()];
        // Words that can be reached by now.
        let (mut first, mut last) = (free.len(), 0);
        for (start, pose) in from.into_iter().enumerate() {
            let (bit, heading) = (flood.bit(pose.cell()), pose.heading() as usize);
            front[bit / 64][heading][start] = 1 << (bit % 64);
            unseen[bit / 64][heading][start] &= !(1 << (bit % 64));
            (first, last) = (first.min(bit / 64), last.max(bit / 64));
        }
        let mut next = front.clone();
        let (mut distance, mut end) = (0, TO_THE_END);
        let mut missing = 16 * wanted.iter().map(|cells| cells.count_ones()).sum::<u32>();
        let mut not_found = wanted.clone();
        let mut more = enough;
        loop {
            (first, last) = ((first - far - 1).max(*margin), (last + far + 1).min(free.len() - margin - 1));
            let mut any = [0; 4];
            for word in first..=last {
                let (here, before, after) = (front[word], front[word - 1], front[word + 1]);
                let (above, beyond_above) = (front[word - far], front[word - far - 1]);
                let (below, beyond_below) = (front[word + far], front[word + far + 1]);
                let moved: Cells = [
                    lanes(|start| below[0][start] >> shift | beyond_below[0][start] << 1 << (63 - shift)),
                    lanes(|start| here[1][start] << 1 | before[1][start] >> 63),
                    lanes(|start| above[2][start] << shift | beyond_above[2][start] >> 1 >> (63 - shift)),
                    lanes(|start| here[3][start] >> 1 | after[3][start] << 63),
                ];
                for heading in 0..4 {
                    let (left, right) = (here[(heading + 1) & 3], here[(heading + 3) & 3]);
                    let unseen = &mut unseen[word][heading];
                    let new = lanes(|start| (moved[heading][start] | left[start] | right[start]) & unseen[start]);
                    *unseen = lanes(|start| unseen[start] ^ new[start]);
                    any = lanes(|start| any[start] | new[start]);
                    next[word][heading] = new;
                }
                let found = here.as_flattened().iter().fold(0, |found, cells| found | cells);
                let mut cells = found & wanted[word];
                while cells != 0 {
                    let bit = cells.trailing_zeros();
                    cells &= cells - 1;
                    more = more.saturating_sub((not_found[word] >> bit & 1) as u32);
                    not_found[word] &= !(1 << bit);
                    let steps = &mut steps[usize::from(index[64 * word + bit as usize])];
                    for (heading, cells) in here.iter().enumerate() {
                        for (start, cells) in cells.iter().enumerate() {
                            let is_there = cells >> bit & 1;
                            missing -= is_there as u32;
                            let steps = &mut steps[start][heading];
                            *steps = (*steps).min(distance | (is_there as u16).wrapping_sub(1));
                        }
                    }
                }
            }
            if any == [0; 4] || missing == 0 {
                return TO_THE_END;
            }
            end = if more == 0 { end.min(distance + TURNING) } else { end };
            if distance == end {
                return distance;
            }
            std::mem::swap(&mut front, &mut next);
            distance += 1;
        }
    }
}

/// The same for every start.
#[inline(always)]
fn lanes(of: impl Fn(usize) -> u64) -> [u64; 4] {
    let mut lanes = [0; 4];
    for (start, lane) in lanes.iter_mut().enumerate() {
        *lane = of(start);
    }
    lanes
}
