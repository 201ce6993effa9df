//! Short closed tours over many points: nearest neighbour, then 2-opt and Or-opt until neither helps.
//!
//! Croes 1958 (2-opt), Or 1976 (Or-opt). Moves are judged by their exact cost with turns: every move rearranges at most
//! four stretches of the tour, whose transfers are kept in a table.

use super::legs::{Legs, STAY, Transfer, closed, join, least, reversed};
use crate::simd::{Kernel, Simd};
use std::ops::Range;

/// Longest stretch that Or-opt moves.
const LONGEST_MOVED: usize = 3;
/// A point may be joined to this many nearest ones; the rest are not tried.
pub(super) const NEAR: usize = 8;
/// Most passes over all moves.
const PASSES: usize = 40;

/// A good order of all points.
pub(super) fn short_tour(legs: &mut Legs) -> Vec<usize> {
    let order = nearest_neighbour_tour(legs);
    let mut search = Search::new(legs, order);
    for _ in 0..PASSES {
        if !search.improve() {
            break;
        }
    }
    search.order
}

/// All its ways are known.
fn nearest_neighbour_tour(legs: &mut Legs) -> Vec<usize> {
    let mut order = vec![0];
    let mut left: Vec<usize> = (1..legs.count()).collect();
    while !left.is_empty() {
        let here = order[order.len() - 1];
        order.push(left.remove(nearest(legs, here, &left)));
    }
    legs.look_up(order[order.len() - 1], 0);
    order
}

/// The place of the point in `others` that is nearest to `here`, the first of several.
fn nearest(legs: &mut Legs, here: usize, others: &[usize]) -> usize {
    loop {
        let nearest = (0..others.len()).min_by_key(|place| legs.steps(here, others[*place])).unwrap_or(0);
        if legs.is_known(here, others[nearest]) {
            return nearest;
        }
        legs.look_up(here, others[nearest]);
    }
}

/// A stretch of the current order, possibly walked backwards.
#[derive(Clone)]
struct Piece {
    places: Range<usize>,
    backwards: bool,
}

impl Piece {
    /// The places where it is entered and left.
    fn ends(&self) -> (usize, usize) {
        let (first, last) = (self.places.start, self.places.end - 1);
        if self.backwards { (last, first) } else { (first, last) }
    }
}

struct Search<'a> {
    legs: &'a mut Legs,
    order: Vec<usize>,
    cost: u16,
    /// Entry `last * count + first`: from the point at place `first` to that at place `last`, along the order.
    stretches: Vec<Transfer>,
    /// Fewest steps of each stretch with the best headings at its ends.
    least: Vec<u16>,
    /// The points to which each may be joined.
    neighbours: Vec<Vec<usize>>,
    /// Entry `place * count + other`: whether the point at `place` may be joined to that at `other`.
    near: Vec<bool>,
    simd: Simd,
}

impl<'a> Search<'a> {
    fn new(legs: &'a mut Legs, order: Vec<usize>) -> Self {
        let count = legs.count();
        let nearest_to = |point: usize| {
            let mut others: Vec<usize> = (0..count).filter(|other| *other != point).collect();
            others.sort_by_key(|other| legs.steps(point, *other));
            others.truncate(NEAR);
            others
        };
        let neighbours = (0..count).map(nearest_to).collect();
        let mut search = Self {
            legs,
            order,
            cost: u16::MAX,
            stretches: vec![STAY; count * count],
            least: vec![0; count * count],
            neighbours,
            near: vec![false; count * count],
            simd: Simd::detect(),
        };
        search.tabulate(0..count);
        search.cost = search.cost_of(&[forwards(0..count)]);
        search
    }

    /// Tries every move once and makes each that helps.
    fn improve(&mut self) -> bool {
        let before = self.cost;
        let count = self.order.len();
        for first in 1..count {
            for last in first..count {
                self.try_reversal(first, last);
            }
            for length in 1..=LONGEST_MOVED.min(count - first) {
                self.try_insertions(first..first + length);
            }
        }
        self.cost < before
    }

    fn try_reversal(&mut self, first: usize, last: usize) {
        let count = self.order.len();
        if self.is_near(first - 1, last) || self.is_near(first, (last + 1) % count) {
            let middle = Piece { places: first..last + 1, backwards: true };
            self.try_pieces(&[forwards(0..first), middle, forwards(last + 1..count)]);
        }
    }

    /// Moves a stretch, either way round, between any two other points.
    fn try_insertions(&mut self, moved: Range<usize>) {
        let count = self.order.len();
        for after in (0..moved.start - 1).chain(moved.end..count) {
            if !self.is_near(after, moved.start) && !self.is_near(after, moved.end - 1) {
                continue;
            }
            for backwards in [false, true] {
                let moved = Piece { places: moved.clone(), backwards };
                let Range { start, end } = moved.places.clone();
                let pieces = if after < start {
                    [forwards(0..after + 1), moved, forwards(after + 1..start), forwards(end..count)]
                } else {
                    [forwards(0..start), forwards(end..after + 1), moved, forwards(after + 1..count)]
                };
                self.try_pieces(&pieces);
            }
        }
    }

    fn is_near(&self, place: usize, other: usize) -> bool {
        self.near[place * self.order.len() + other]
    }

    fn try_pieces<const N: usize>(&mut self, pieces: &[Piece; N]) {
        if self.least_cost_of(pieces) >= self.cost {
            return;
        }
        let legs: Vec<_> = self.joints(pieces).map(|(_, from, to)| (from, to)).collect();
        legs.into_iter().for_each(|(from, to)| self.legs.look_up(from, to));
        let cost = self.cost_of(pieces);
        if cost < self.cost {
            self.cost = cost;
            let order: Vec<usize> = pieces.iter().flat_map(|piece| self.points_of(piece)).collect();
            let differs = |place: &usize| order[*place] != self.order[*place];
            let first = (0..order.len()).find(differs).unwrap_or(0);
            let last = (0..order.len()).rfind(differs).unwrap_or(0);
            self.order = order;
            self.tabulate(first..last + 1);
        }
    }

    fn points_of(&self, piece: &Piece) -> Vec<usize> {
        let mut points = self.order[piece.places.clone()].to_vec();
        if piece.backwards {
            points.reverse();
        }
        points
    }

    /// At most [`Search::cost_of`], and cheaper: each leg between pieces with the headings that are best for it alone.
    fn least_cost_of<const N: usize>(&self, pieces: &[Piece; N]) -> u16 {
        let stretch = |piece: &Piece| self.least[self.entry(piece)];
        self.joints(pieces).fold(0, |cost: u16, (piece, from, to)| {
            cost.saturating_add(self.legs.steps(from, to)).saturating_add(stretch(piece))
        })
    }

    /// Per piece, the points between which a leg leads to it.
    fn joints<'b, const N: usize>(&self, pieces: &'b [Piece; N]) -> impl Iterator<Item = (&'b Piece, usize, usize)> {
        let pieces = || pieces.iter().filter(|piece| !piece.places.is_empty());
        let mut before = pieces().next_back().map_or(0, |piece| piece.ends().1);
        pieces().map(move |piece| {
            let (first, last) = piece.ends();
            let from = std::mem::replace(&mut before, last);
            (piece, self.order[from], self.order[first])
        })
    }

    /// Where the tables have it.
    fn entry(&self, piece: &Piece) -> usize {
        (piece.places.end - 1) * self.order.len() + piece.places.start
    }

    /// Steps of the closed tour made of the pieces.
    fn cost_of(&self, pieces: &[Piece]) -> u16 {
        let mut walked: Option<(usize, usize, Transfer)> = None;
        for piece in pieces.iter().filter(|piece| !piece.places.is_empty()) {
            let (from, to) = piece.ends();
            let stretch = self.stretches[self.entry(piece)];
            let (from, to) = (self.order[from], self.order[to]);
            let stretch = if piece.backwards { reversed(&stretch) } else { stretch };
            walked = Some(match walked {
                None => (from, to, stretch),
                Some((start, end, so_far)) => (start, to, join(&join(&so_far, self.legs.leg(end, from)), &stretch)),
            });
        }
        walked.map_or(u16::MAX, |(start, end, walk)| closed(&join(&walk, self.legs.leg(end, start))))
    }

    /// Works out which places are near each other, and the stretches that touch those where the order has changed.
    fn tabulate(&mut self, changed: Range<usize>) {
        let count = self.order.len();
        let mut places = vec![0; count];
        self.order.iter().enumerate().for_each(|(place, point)| places[*point] = place);
        self.near.fill(false);
        for (place, point) in self.order.iter().enumerate() {
            self.neighbours[*point].iter().for_each(|other| self.near[place * count + places[*other]] = true);
        }
        for last in changed.start.max(1)..count {
            let (from, to) = (self.order[last - 1], self.order[last]);
            self.legs.look_up(from, to);
            let places = 0..changed.end.min(last);
            let (before, row) = self.stretches.split_at_mut(last * count);
            self.simd.run(Extend {
                stretches: &before[(last - 1) * count..][places.clone()],
                leg: self.legs.leg(from, to),
                longer: &mut row[places.clone()],
                least: &mut self.least[last * count..][places],
            });
        }
    }
}

/// Joins a leg to each of the stretches.
struct Extend<'a> {
    stretches: &'a [Transfer],
    leg: &'a Transfer,
    longer: &'a mut [Transfer],
    least: &'a mut [u16],
}

impl Kernel for Extend<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((stretch, longer), fewest) in self.stretches.iter().zip(self.longer).zip(self.least) {
            *longer = join(stretch, self.leg);
            *fewest = least(longer);
        }
    }
}

fn forwards(places: Range<usize>) -> Piece {
    Piece { places, backwards: false }
}
