//! Short closed tours over many points: nearest neighbour, then 2-opt and Or-opt until neither helps.
//!
//! Croes 1958 (2-opt), Or 1976 (Or-opt). Moves are judged by their exact cost with turns: every move rearranges at most
//! four stretches of the tour, whose transfers are kept in a table.

use super::legs::{Legs, STAY, Transfer, closed, join, least, reversed};
use std::ops::Range;

/// Longest stretch that Or-opt moves.
const LONGEST_MOVED: usize = 3;
/// A point may be joined to this many nearest ones; the rest are not tried.
const NEAR: usize = 8;
/// Most passes over all moves.
const PASSES: usize = 40;

/// A good order of all points.
pub(super) fn short_tour(legs: &Legs) -> Vec<usize> {
    let mut search = Search::new(legs, nearest_neighbour_tour(legs));
    for _ in 0..PASSES {
        if !search.improve() {
            break;
        }
    }
    search.order
}

fn nearest_neighbour_tour(legs: &Legs) -> Vec<usize> {
    let mut order = vec![0];
    let mut left: Vec<usize> = (1..legs.count()).collect();
    while let Some(next) = (0..left.len()).min_by_key(|next| legs.steps(order[order.len() - 1], left[*next])) {
        order.push(left.remove(next));
    }
    order
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
    legs: &'a Legs,
    order: Vec<usize>,
    cost: u16,
    /// Entry `first * count + last`: from the point at place `first` to that at place `last`, along the order.
    stretches: Vec<Transfer>,
    /// Fewest steps of each stretch with the best headings at its ends.
    least: Vec<u16>,
    /// Entry `a * count + b`: whether joining the points is tried.
    near: Vec<bool>,
}

impl<'a> Search<'a> {
    fn new(legs: &'a Legs, order: Vec<usize>) -> Self {
        let count = legs.count();
        let mut near = vec![false; count * count];
        for a in 0..count {
            let mut others: Vec<usize> = (0..count).filter(|b| *b != a).collect();
            others.sort_by_key(|b| legs.steps(a, *b));
            others.into_iter().take(NEAR).for_each(|b| near[a * count + b] = true);
        }
        let mut search = Self {
            legs,
            order,
            cost: u16::MAX,
            stretches: vec![STAY; count * count],
            least: vec![0; count * count],
            near,
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
        self.near[self.order[place] * self.order.len() + self.order[other]]
    }

    fn try_pieces<const N: usize>(&mut self, pieces: &[Piece; N]) {
        if self.least_cost_of(pieces) >= self.cost {
            return;
        }
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
        let pieces = || pieces.iter().filter(|piece| !piece.places.is_empty());
        let Some(mut before) = pieces().next_back().map(|piece| piece.ends().1) else { return u16::MAX };
        pieces().fold(0, |cost: u16, piece| {
            let (from, to) = piece.ends();
            let leg = self.legs.steps(self.order[before], self.order[from]);
            before = to;
            let stretch = self.least[piece.places.start * self.order.len() + piece.places.end - 1];
            cost.saturating_add(leg).saturating_add(stretch)
        })
    }

    /// Steps of the closed tour made of the pieces.
    fn cost_of(&self, pieces: &[Piece]) -> u16 {
        let mut walked: Option<(usize, usize, Transfer)> = None;
        for piece in pieces.iter().filter(|piece| !piece.places.is_empty()) {
            let (from, to) = piece.ends();
            let stretch = self.stretches[piece.places.start * self.order.len() + piece.places.end - 1];
            let (from, to) = (self.order[from], self.order[to]);
            let stretch = if piece.backwards { reversed(&stretch) } else { stretch };
            walked = Some(match walked {
                None => (from, to, stretch),
                Some((start, end, so_far)) => (start, to, join(&join(&so_far, self.legs.leg(end, from)), &stretch)),
            });
        }
        walked.map_or(u16::MAX, |(start, end, walk)| closed(&join(&walk, self.legs.leg(end, start))))
    }

    /// Works out the stretches that touch the places where the order has changed.
    fn tabulate(&mut self, changed: Range<usize>) {
        let count = self.order.len();
        for first in 0..changed.end {
            for last in (first + 1).max(changed.start)..count {
                let leg = self.legs.leg(self.order[last - 1], self.order[last]);
                self.stretches[first * count + last] = join(&self.stretches[first * count + last - 1], leg);
                self.least[first * count + last] = least(&self.stretches[first * count + last]);
            }
        }
    }
}

fn forwards(places: Range<usize>) -> Piece {
    Piece { places, backwards: false }
}
