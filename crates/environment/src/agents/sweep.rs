//! Fixed routes over all cells, shared out in equal stretches: what the scans and the spiral have in common.

use super::pilot::{Decision, Goal, Reason, Strategy};
use super::pose_graph::PoseGraph;
use crate::world::World;

/// Robots patrol at every third cell of their way.
const PATROL_EVERY: usize = 3;

/// Each robot walks its stretch of a route there and back for ever.
pub(super) struct Sweep {
    name: &'static str,
    route_over: fn(usize, usize) -> Vec<(usize, usize)>,
    route: Vec<usize>,
    walkers: Vec<Walker>,
}

/// A robot's stretch of the route and its place on it.
#[derive(Clone, Copy, Debug)]
struct Walker {
    first: usize,
    last: usize,
    place: usize,
    returns: bool,
    steps: usize,
}

impl Sweep {
    /// `route_over(width, height)` lists all cells (x, y) in order of the visit.
    pub fn new(name: &'static str, route_over: fn(usize, usize) -> Vec<(usize, usize)>) -> Self {
        Self { name, route_over, route: Vec::new(), walkers: Vec::new() }
    }
}

impl Strategy for Sweep {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reset(&mut self, world: &World, graph: &mut PoseGraph) {
        let (width, height) = (world.map().width(), world.map().height());
        let route = (self.route_over)(width, height).into_iter().map(|(x, y)| y * width + x);
        self.route = route.filter(|cell| !graph.is_blocked(*cell)).collect();
        let (cells, robots) = (self.route.len(), world.num_robots());
        let walkers = (0..robots).map(|robot| Walker::new(robot * cells / robots, (robot + 1) * cells / robots));
        self.walkers = walkers.collect();
    }

    fn decide(&mut self, _: &World, _: &mut PoseGraph, robot: usize, reason: Reason) -> Decision {
        let walker = &mut self.walkers[robot];
        if reason != Reason::Start {
            walker.advance();
        }
        let patrol = walker.steps.is_multiple_of(PATROL_EVERY);
        Decision::Go(Goal { cell: self.route[walker.place], heading: None, patrol })
    }

    fn exchange(&mut self, a: usize, b: usize) {
        self.walkers.swap(a, b);
    }
}

impl Walker {
    /// At the first of the places `first..end`: at least one, for there are at least as many free cells as robots.
    fn new(first: usize, end: usize) -> Self {
        Self { first, last: end.saturating_sub(1), place: first, returns: false, steps: 0 }
    }

    fn advance(&mut self) {
        self.steps += 1;
        if self.place == if self.returns { self.first } else { self.last } {
            self.returns = !self.returns;
        }
        if self.first < self.last {
            self.place = if self.returns { self.place - 1 } else { self.place + 1 };
        }
    }
}
