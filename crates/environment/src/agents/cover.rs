//! Patrol points: few cells whose patrols together clear the whole floor.
//!
//! A set cover by squares. The greedy rule (Chvátal 1979) starts either from nothing or from the evenly spaced lattice
//! that is optimal on an open floor, and drops what proves redundant.

use super::pose_graph::PoseGraph;
use crate::rng::below;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// Chebyshev distance that a patrol clears.
pub(super) const REACH: usize = 2;
/// Most points that lie together and are chosen anew.
const MOST_MOVED: usize = 3;
/// Most places that are compared for one of them.
const MOST_PLACES: usize = 8;

/// Cells from which patrols reach every free cell, none of them in `avoid` unless it cannot be helped. The smallest of
/// several covers; ties go to the lattice.
pub(super) fn patrol_points(graph: &PoseGraph, avoid: &[usize]) -> Vec<usize> {
    let cover = Cover::new(graph, avoid);
    let lattice = cover.clone().complete_from(&lattice(graph));
    let greedy = cover.complete_from(&[]);
    if greedy.len() < lattice.len() { greedy } else { lattice }
}

/// Another cover, with other cells instead of up to three points that lie close together.
pub(super) fn vary(graph: &PoseGraph, avoid: &[usize], points: &[usize], rng: &mut ChaCha8Rng) -> Vec<usize> {
    let width = graph.width();
    let centre = points[below(rng, points.len())];
    let distance =
        |point: &usize| (point % width).abs_diff(centre % width).max((point / width).abs_diff(centre / width));
    let mut kept = points.to_vec();
    kept.sort_by_key(distance);
    kept.drain(..(1 + below(rng, MOST_MOVED)).min(points.len()));
    let mut cover = Cover::new(graph, avoid);
    kept.into_iter().for_each(|point| cover.add(point));
    while let Some(cell) = cover.any_open(rng) {
        let point = cover.any_near(cell, rng);
        cover.add(point);
    }
    cover.drop_redundant();
    cover.points
}

/// A cover in the making.
#[derive(Clone)]
struct Cover<'a> {
    graph: &'a PoseGraph,
    avoid: &'a [usize],
    points: Vec<usize>,
    /// Per cell, patrol points in reach.
    covered: Vec<u16>,
    /// Per cell, free cells in reach that no point covers yet.
    gain: Vec<u16>,
}

impl<'a> Cover<'a> {
    fn new(graph: &'a PoseGraph, avoid: &'a [usize]) -> Self {
        let (width, height) = (graph.width(), graph.cells() / graph.width());
        let free_along = |x, y| near(x, width).filter(|x| !graph.is_blocked(y * width + x)).count() as u16;
        let cells = || (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let along: Vec<u16> = cells().map(|(x, y)| free_along(x, y)).collect();
        let gain = cells().map(|(x, y)| near(y, height).map(|y| along[y * width + x]).sum()).collect();
        Self { graph, avoid, points: Vec::new(), covered: vec![0; graph.cells()], gain }
    }

    fn complete_from(mut self, start: &[usize]) -> Vec<usize> {
        for point in start.iter().filter(|cell| self.may_stand(**cell)).copied().collect::<Vec<_>>() {
            self.add(point);
        }
        while let Some(point) = self.best(|cover, cell| cover.may_stand(cell)) {
            self.add(point);
        }
        while let Some(point) = self.best(|cover, cell| !cover.graph.is_blocked(cell)) {
            self.add(point);
        }
        self.drop_redundant();
        self.points
    }

    fn may_stand(&self, cell: usize) -> bool {
        !self.graph.is_blocked(cell) && !self.avoid.contains(&cell)
    }

    /// The allowed cell that would cover most; the first of equals. `None` if none covers anything new.
    fn best(&self, allowed: impl Fn(&Self, usize) -> bool) -> Option<usize> {
        let mut best = None;
        let mut most = 0;
        for (cell, gain) in self.gain.iter().enumerate() {
            if *gain > most && allowed(self, cell) {
                (best, most) = (Some(cell), *gain);
            }
        }
        best
    }

    /// Any free cell that no point covers.
    fn any_open(&self, rng: &mut ChaCha8Rng) -> Option<usize> {
        let open = |cell: &usize| self.covered[*cell] == 0 && !self.graph.is_blocked(*cell);
        let open: Vec<usize> = (0..self.covered.len()).filter(open).collect();
        open.get(below(rng, open.len().max(1))).copied()
    }

    /// A cell from which a patrol reaches `cell`: of a few the one that would cover most.
    fn any_near(&self, cell: usize, rng: &mut ChaCha8Rng) -> usize {
        let mut places: Vec<usize> = square(self.graph, cell).filter(|place| self.may_stand(*place)).collect();
        if places.is_empty() {
            places.push(cell);
        }
        let some = (0..1 + below(rng, MOST_PLACES)).map(|_| places[below(rng, places.len())]);
        some.max_by_key(|place| self.gain[*place]).unwrap_or(cell)
    }

    fn add(&mut self, point: usize) {
        let graph = self.graph;
        self.points.push(point);
        for cell in square(graph, point).filter(|cell| !graph.is_blocked(*cell)) {
            self.covered[cell] += 1;
            if self.covered[cell] == 1 {
                rows(graph, cell).for_each(|row| self.gain[row].iter_mut().for_each(|gain| *gain -= 1));
            }
        }
    }

    /// Drops points that cover nothing alone, latest first: those were added for least.
    fn drop_redundant(&mut self) {
        let graph = self.graph;
        for index in (0..self.points.len()).rev() {
            let mine = || square(graph, self.points[index]).filter(|cell| !graph.is_blocked(*cell));
            if mine().all(|cell| self.covered[cell] > 1) {
                let cells: Vec<usize> = mine().collect();
                cells.into_iter().for_each(|cell| self.covered[cell] -= 1);
                self.points.remove(index);
            }
        }
    }
}

/// Evenly spaced cells whose squares tile the grid with as little overlap as possible.
fn lattice(graph: &PoseGraph) -> Vec<usize> {
    let (width, height) = (graph.width(), graph.cells() / graph.width());
    let columns = lattice_lines(width);
    lattice_lines(height).into_iter().flat_map(|y| columns.iter().map(move |x| y * width + x)).collect()
}

fn lattice_lines(side: usize) -> Vec<usize> {
    let lines = side.div_ceil(2 * REACH + 1);
    if lines == 1 {
        return vec![side / 2];
    }
    let span = side - 1 - 2 * REACH;
    (0..lines).map(|line| REACH + (line * span + (lines - 1) / 2) / (lines - 1)).collect()
}

/// Cells within reach of a patrol at `cell`, clipped to the grid.
pub(super) fn square(graph: &PoseGraph, cell: usize) -> impl Iterator<Item = usize> + use<> {
    rows(graph, cell).flatten()
}

/// The same, row by row.
fn rows(graph: &PoseGraph, cell: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let (width, height) = (graph.width(), graph.cells() / graph.width());
    let columns = near(cell % width, width);
    near(cell / width, height).map(move |y| y * width + columns.start..y * width + columns.end)
}

/// Columns or rows within reach.
fn near(place: usize, side: usize) -> Range<usize> {
    place.saturating_sub(REACH)..(place + REACH + 1).min(side)
}
