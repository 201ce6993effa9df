//! State exchange Bayesian strategy.
//!
//! Portugal and Rocha, *Distributed multi-robot patrol: a scalable and fault-tolerant framework*, Robotics and Autonomous
//! Systems 61(12), 2013. At every vertex a robot moves to the neighbour with the highest posterior, the product of the
//! likelihood of its gain (idleness per distance) and that of team mates' intentions. Vertices are the patrol points;
//! neighbours are those of the relative neighbourhood graph (Toussaint 1980) of travel times, which is connected.

use super::cover::patrol_points;
use super::pilot::{Decision, Goal, Reason, Strategy};
use super::pose_graph::{Pose, PoseGraph, UNREACHABLE};
use crate::action::{Action, Heading};
use crate::world::World;

/// Likelihood of a gain of zero, `L` in the paper.
const LEAST_LIKELIHOOD: f64 = 0.1;

/// The graph, and what robots told each other.
#[derive(Default)]
pub(super) struct Sebs {
    vertices: Vec<usize>,
    /// Per vertex, its neighbours and the steps to them, patrol included.
    neighbours: Vec<Vec<(usize, u16)>>,
    /// Step of the last visit.
    visited_at: Vec<u32>,
    /// Vertex that a robot is at or going to.
    intents: Vec<Option<usize>>,
    /// Gain that counts as certain, `M` in the paper: visits of one robot to all vertices of its share.
    full_gain: f64,
}

impl Strategy for Sebs {
    fn name(&self) -> &'static str {
        "sebs"
    }

    fn reset(&mut self, world: &World, graph: &mut PoseGraph) {
        let stations: Vec<usize> = world.map().stations().iter().map(|cell| graph.index_of(*cell)).collect();
        self.vertices = patrol_points(graph, &stations);
        self.neighbours = relative_neighbours(&self.vertices, graph);
        self.visited_at = vec![0; self.vertices.len()];
        self.intents = vec![None; world.num_robots()];
        self.full_gain = (2.0 * self.vertices.len() as f64 / world.num_robots() as f64).max(1.0);
    }

    fn decide(&mut self, world: &World, graph: &mut PoseGraph, robot: usize, reason: Reason) -> Decision {
        if reason == Reason::Done
            && let Some(vertex) = self.intents[robot]
        {
            self.visited_at[vertex] = world.current_step();
        }
        let next = match self.intents[robot].take() {
            Some(vertex) if reason != Reason::Start => self.most_likely(world.current_step(), vertex),
            _ => self.nearest(graph, graph.pose_of(&world.robots()[robot])),
        };
        self.intents[robot] = next;
        match next {
            Some(vertex) => Decision::Go(Goal { cell: self.vertices[vertex], heading: None, patrol: true }),
            None => Decision::Act(Action::Patrol),
        }
    }

    fn exchange(&mut self, a: usize, b: usize) {
        self.intents.swap(a, b);
    }
}

impl Sebs {
    /// The neighbour with the highest posterior; the first of equals. On a graph of one vertex, that vertex.
    fn most_likely(&self, now: u32, vertex: usize) -> Option<usize> {
        let posterior = |(neighbour, steps): &(usize, u16)| {
            let gain = f64::from(now - self.visited_at[*neighbour]) / f64::from(*steps);
            self.likelihood_of_gain(gain) * self.likelihood_of_state(*neighbour)
        };
        let mut best = (f64::NEG_INFINITY, vertex);
        for neighbour in &self.neighbours[vertex] {
            let posterior = posterior(neighbour);
            if posterior > best.0 {
                best = (posterior, neighbour.0);
            }
        }
        Some(best.1)
    }

    /// P(gain | move) = L · exp(ln(1/L)/M · gain), at most 1 (equation 6).
    fn likelihood_of_gain(&self, gain: f64) -> f64 {
        LEAST_LIKELIHOOD * ((1.0 / LEAST_LIKELIHOOD).ln() / self.full_gain * gain.min(self.full_gain)).exp()
    }

    /// P(state | move) = 2^(R − (s + 1)) / (2^R − 1) with R robots of which s intend to go there (equation 9).
    fn likelihood_of_state(&self, vertex: usize) -> f64 {
        let robots = self.intents.len() as i32;
        let intending = self.intents.iter().flatten().filter(|intent| **intent == vertex).count() as i32;
        2f64.powi(robots - (intending + 1)) / (2f64.powi(robots) - 1.0)
    }

    /// The vertex quickest to reach, one that nobody is going to if possible.
    fn nearest(&self, graph: &mut PoseGraph, from: Pose) -> Option<usize> {
        let mut distances = Vec::new();
        graph.distances(&[from], &mut distances);
        let reachable = (0..self.vertices.len()).filter_map(|vertex| {
            let steps = steps_to(&distances, self.vertices[vertex]);
            (steps != UNREACHABLE).then_some((self.intents.contains(&Some(vertex)), steps, vertex))
        });
        reachable.min().map(|(_, _, vertex)| vertex)
    }
}

/// Steps to the cell, whatever the heading on arrival.
fn steps_to(distances: &[u16], cell: usize) -> u16 {
    Heading::ALL.iter().map(|heading| distances[4 * cell + *heading as usize]).min().unwrap_or(UNREACHABLE)
}

/// Two vertices are neighbours unless a third is nearer to both than they are to each other.
fn relative_neighbours(vertices: &[usize], graph: &mut PoseGraph) -> Vec<Vec<(usize, u16)>> {
    let mut from_vertex = Vec::new();
    let rows = vertices.iter().map(|vertex| {
        graph.distances(&Heading::ALL.map(|heading| Pose::new(*vertex, heading)), &mut from_vertex);
        vertices.iter().map(|other| steps_to(&from_vertex, *other)).collect::<Vec<_>>()
    });
    let steps: Vec<Vec<u16>> = rows.collect();
    let are_neighbours = |a: usize, b: usize| {
        a != b && (0..vertices.len()).all(|c| c == a || c == b || steps[a][c].max(steps[b][c]) >= steps[a][b])
    };
    let of = |a: usize| (0..vertices.len()).filter(|b| are_neighbours(a, *b)).map(|b| (b, steps[a][b] + 1)).collect();
    (0..vertices.len()).map(of).collect()
}
