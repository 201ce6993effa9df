//! Robots that get out of the way of those who must charge.
//!
//! Where that is impossible because the way is a dead end that the robot is in, it leaves before the other one moves on, and
//! that one lets it out.

use super::search::Search;
use super::{Homing, Ways};
use crate::roads::{Pose, cell_of};
use crate::world::Robot;

/// Steps that the way of a robot that gets out of the way may take.
const LONGEST_EVASION: usize = 160;
/// Steps that others are given to make room before a robot plans to go where they stand: all, if it can go around them.
const ROOM_WITHIN: [usize; 4] = [usize::MAX, 3, 8, 24];

impl Homing {
    /// Tells those where to go who can no longer get out of the way by themselves, or are in the way of one that itself gets
    /// out of the way; the first for whom that fails.
    pub(super) fn clear_ways(&mut self, robots: &[Robot], now: u32) -> Option<usize> {
        let in_the_way = |homing: &Self, index: usize| {
            let pose = homing.pose_of(&robots[index]);
            let crosses = |other: usize| !homing.returning[other] && homing.ways.leads_over(other, cell_of(pose));
            !homing.ways.has(index) && (!homing.ways.is_open(pose, now) || (0..robots.len()).any(crosses))
        };
        for _ in 0..robots.len() {
            let index = (0..robots.len()).find(|index| in_the_way(self, *index))?;
            if !self.get_away(robots, index, |ways, pose, steps| ways.is_free_after(cell_of(pose), steps)) {
                return Some(index);
            }
        }
        None
    }

    /// Plans the quickest way to where the robot is in nobody's way, around those without a way if possible; whether there
    /// is one.
    pub(super) fn get_away(
        &mut self,
        robots: &[Robot],
        index: usize,
        is_away: impl Fn(&Ways, Pose, usize) -> bool,
    ) -> bool {
        let from = self.pose_of(&robots[index]);
        let free = (0..robots.len()).filter(|other| *other != index && !self.ways.has(*other));
        let free: Vec<usize> = free.map(|other| cell_of(self.pose_of(&robots[other]))).collect();
        let away = |pose: Pose, steps: usize| is_away(&self.ways, pose, steps);
        let way = |first_steps: &usize| self.search(from, LONGEST_EVASION, (&free, *first_steps), |_| 0, away);
        let way = ROOM_WITHIN.iter().find_map(way);
        self.follow(index, way)
    }

    /// Cells where a robot that blocks the way of another may go before that one moves on: off its way, and not so that
    /// the two would only have changed who is in front. `None` if it blocks nobody.
    pub(super) fn refuges(&self, robots: &[Robot], leader: usize) -> Option<Vec<bool>> {
        let from = cell_of(self.pose_of(&robots[leader]));
        let blocked = self.ways.first_on(from)?;
        let start = cell_of(self.pose_of(&robots[blocked]));
        let way = self.ways.way(blocked);
        let cells = self.roads.poses() / 4;
        let mut goals = vec![false; cells];
        // Breadth first from the leader; of each cell: its predecessor, whether the blocked robot was passed on the way
        // there, and whether that one can step aside before.
        let mut reached: Vec<Option<(usize, bool, bool)>> = vec![None; cells];
        reached[from] = Some((from, from == start, false));
        let mut queue = vec![from];
        let mut next = 0;
        while let Some(&cell) = queue.get(next) {
            next += 1;
            let (before, passed, aside) = reached[cell].unwrap_or((cell, false, false));
            for neighbour in self.roads.neighbours(cell) {
                if reached[neighbour].is_some() {
                    continue;
                }
                let bay = passed && self.roads.neighbours(cell).any(|bay| bay != before && bay != neighbour);
                let state = (cell, passed || neighbour == start, aside || bay);
                reached[neighbour] = Some(state);
                queue.push(neighbour);
                let on_way = way.iter().any(|pose| cell_of(*pose) == neighbour);
                goals[neighbour] = !on_way && (!state.1 || state.2);
            }
        }
        Some(goals)
    }

    pub(super) fn search(
        &self,
        from: Pose,
        limit: usize,
        avoided: (&[usize], usize),
        estimate: impl Fn(Pose) -> u16,
        is_goal: impl Fn(Pose, usize) -> bool,
    ) -> Option<Vec<Pose>> {
        let others = self.ways.all();
        Search { roads: &self.roads, others: &others, avoided, limit }.find(from, estimate, is_goal)
    }

    /// Takes over a planned way; whether there is one.
    pub(super) fn follow(&mut self, robot: usize, way: Option<Vec<Pose>>) -> bool {
        let found = way.is_some();
        self.ways.set(robot, way.unwrap_or_default());
        self.ways.close(&self.roads);
        found
    }
}
