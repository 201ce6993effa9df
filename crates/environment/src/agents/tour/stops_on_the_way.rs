//! Patrols on the way from point to point, where they are worth the step.
//!
//! Where corridors wind, a tour over the fewest points walks far between them. With R robots evenly spaced on a round of T
//! steps, a cell that is cleared at some times of the round sees gaps g between clearings, on a circle of T/R steps; its threat
//! summed over a gap is F(g) = g²/2, or 100g − 5000 beyond the cap of 100. One more patrol splits a gap under every cell in
//! reach, but makes all gaps longer by the share 1/T. The mean threat falls if and only if the patrol saves more than
//! Σ (g F′(g) − F(g)) / T = Σ min(g²/2, 5000) / T.

use super::cycle::Cycle;
use crate::action::Action;
use crate::agents::cover::square;
use crate::agents::pose_graph::{Pose, PoseGraph};
use std::collections::BinaryHeap;

/// Steps after which a cell is at full threat.
const CAP: f64 = 100.0;

/// Adds stops to the round, none of them on the cells `avoid`, the most useful first, while they pay.
pub(super) fn add(cycle: &mut Cycle, robots: u32, avoid: &[usize], graph: &mut PoseGraph) {
    let mut candidates = poses_on_the_way(cycle, graph);
    candidates.retain(|(pose, _)| !avoid.contains(&pose.cell()));
    let mut clearings = Clearings::new(cycle, robots, graph);
    let mut price = clearings.price();
    // Savings only shrink as stops are added, so an outdated best candidate is looked at again: lazy greedy (Minoux 1978).
    let saving =
        |clearings: &Clearings, index: usize| clearings.saving(graph, candidates[index].0, candidates[index].1);
    let mut queue: BinaryHeap<(u64, usize)> =
        (0..candidates.len()).map(|index| (saving(&clearings, index) as u64, index)).collect();
    let mut chosen = Vec::new();
    while let Some((_, index)) = queue.pop() {
        let saved = saving(&clearings, index) as u64;
        if saved as f64 <= price || chosen.len() >= cycle.period as usize / 2 {
            continue;
        }
        if queue.peek().is_some_and(|(next, _)| *next > saved) {
            queue.push((saved, index));
            continue;
        }
        clearings.add(graph, candidates[index].0, candidates[index].1);
        price = clearings.price();
        chosen.push(candidates[index]);
    }
    insert(cycle, chosen);
}

/// Poses entered between stops, with the time of the round at which a patrol there would be done.
fn poses_on_the_way(cycle: &Cycle, graph: &mut PoseGraph) -> Vec<(Pose, u32)> {
    let mut poses = Vec::new();
    let mut plan = Vec::new();
    for (place, (stop, offset)) in cycle.stops.iter().zip(&cycle.offsets).enumerate() {
        let next = cycle.stops[(place + 1) % cycle.stops.len()];
        graph.plan(*stop, &[], |pose| pose == next, &mut plan);
        let (mut pose, mut time) = (*stop, *offset);
        for action in plan.iter().rev() {
            pose = graph.after(pose, *action);
            time += 1;
            if *action == Action::Forward && pose.cell() != next.cell() {
                poses.push((pose, time + 1));
            }
        }
    }
    poses
}

/// When cells are cleared, in 1/robots of a step, on a circle as long as the period is in steps.
struct Clearings {
    times: Vec<Vec<u32>>,
    robots: u32,
    circle: u32,
    /// By the length of a gap: F, and what a longer round makes of it, g F′ − F.
    threat: Vec<f64>,
    delay: Vec<f64>,
    /// Per cell, the sum of what a longer round makes of its gaps.
    delays: Vec<f64>,
}

impl Clearings {
    fn new(cycle: &Cycle, robots: u32, graph: &PoseGraph) -> Self {
        let steps = (0..=cycle.period).map(|gap| f64::from(gap) / f64::from(robots));
        let threat = |steps: f64| if steps <= CAP { steps * steps / 2.0 } else { CAP * steps - CAP * CAP / 2.0 };
        let delay = |steps: f64| (steps.powi(2) / 2.0).min(CAP * CAP / 2.0);
        let (threat, delay) = (steps.clone().map(threat).collect(), steps.map(delay).collect());
        let (times, delays) = (vec![Vec::new(); graph.cells()], vec![0.0; graph.cells()]);
        let mut clearings = Self { times, robots, circle: cycle.period, threat, delay, delays };
        for (stop, offset) in cycle.stops.iter().zip(&cycle.offsets) {
            clearings.add(graph, *stop, *offset);
        }
        clearings
    }

    fn add(&mut self, graph: &PoseGraph, pose: Pose, time: u32) {
        let time = self.on_circle(time);
        for cell in square(graph, pose.cell()).filter(|cell| !graph.is_blocked(*cell)) {
            let times = &mut self.times[cell];
            times.insert(times.partition_point(|other| *other < time), time);
            let next = times.iter().skip(1).copied().chain([times[0] + self.circle]);
            self.delays[cell] = times.iter().zip(next).map(|(time, next)| self.delay[(next - time) as usize]).sum();
        }
    }

    /// Threat over one turn of the circle, in hundredths × steps, that a patrol at this time of the round would save.
    fn saving(&self, graph: &PoseGraph, pose: Pose, time: u32) -> f64 {
        let time = self.on_circle(time);
        let cells = square(graph, pose.cell()).filter(|cell| !self.times[*cell].is_empty());
        let saved = cells.map(|cell| {
            let times = &self.times[cell];
            let after = times.partition_point(|other| *other < time);
            let next = times.get(after).map_or(times[0] + self.circle, |next| *next) - time;
            let since =
                time + self.circle - times[..after].last().map_or(times[times.len() - 1], |last| last + self.circle);
            let threat = |gap: u32| self.threat[gap as usize];
            threat(next + since) - threat(next) - threat(since)
        });
        saved.sum()
    }

    /// What one more step of the round costs, in the same unit.
    fn price(&self) -> f64 {
        self.delays.iter().sum::<f64>() / f64::from(self.circle)
    }

    fn on_circle(&self, time: u32) -> u32 {
        time * self.robots % self.circle
    }
}

/// Every stop added makes the rest of the round one step later.
fn insert(cycle: &mut Cycle, mut added: Vec<(Pose, u32)>) {
    added.sort_by_key(|(_, time)| *time);
    let mut added = added.into_iter().peekable();
    let mut round = Cycle { period: cycle.period, ..Cycle::default() };
    let mut later = 0;
    let offsets = cycle.offsets.iter().copied().map(Some).skip(1).chain([None]);
    for ((stop, offset), next) in cycle.stops.iter().zip(&cycle.offsets).zip(offsets) {
        round.stops.push(*stop);
        round.offsets.push(offset + later);
        while let Some((pose, time)) = added.next_if(|(_, time)| next.is_none_or(|next| *time < next + 1)) {
            round.stops.push(pose);
            round.offsets.push(time + later);
            later += 1;
        }
    }
    round.period += later;
    *cycle = round;
}
