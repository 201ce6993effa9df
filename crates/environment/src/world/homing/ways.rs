//! Ways that robots have been told to take, and until when others may be in them.

use super::search::cell_at;
use crate::action::Action;
use crate::roads::{Pose, Roads, cell_of};

/// Steps before somebody comes that others are out of the way.
const HEADWAY: u32 = 6;
/// Last use of a cell where somebody stays.
const FOR_EVER: u32 = u32::MAX;

/// A plan for the team, made at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    made_at: u32,
    /// Per robot, its poses from that moment on; empty for one that goes where it likes.
    ways: Vec<Vec<Pose>>,
    /// Per cell, the first and the last step at which it is on a way; `FOR_EVER` and 0 if never.
    first_use: Vec<u32>,
    last_use: Vec<u32>,
    /// Per pose on a way, the last step at which a robot there can still get out of the way; 0 if never.
    deadline: Vec<u32>,
    /// Cells on ways.
    used: Vec<u16>,
}

impl Ways {
    pub fn new(robots: usize, cells: usize) -> Self {
        Self {
            made_at: 0,
            ways: vec![Vec::new(); robots],
            first_use: vec![FOR_EVER; cells],
            last_use: vec![0; cells],
            deadline: vec![0; 4 * cells],
            used: Vec::new(),
        }
    }

    pub fn made_at(&self) -> u32 {
        self.made_at
    }

    /// Forgets everything; what follows is planned from `now` on.
    pub fn start_anew(&mut self, now: u32) {
        self.made_at = now;
        self.ways.iter_mut().for_each(Vec::clear);
    }

    /// The robot's way, from the moment of the plan on; empty if it has none.
    pub fn way(&self, robot: usize) -> &[Pose] {
        &self.ways[robot]
    }

    pub fn set(&mut self, robot: usize, way: Vec<Pose>) {
        self.ways[robot] = way;
    }

    /// All ways there are.
    pub fn all(&self) -> Vec<&[Pose]> {
        self.ways.iter().filter(|way| !way.is_empty()).map(Vec::as_slice).collect()
    }

    /// Whether nobody is told anything.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    pub fn has(&self, robot: usize) -> bool {
        !self.ways[robot].is_empty()
    }

    /// Whether the robot still has to act to the end of its way.
    pub fn is_under_way(&self, robot: usize, now: u32) -> bool {
        self.ways[robot].len() > (now - self.made_at) as usize + 1
    }

    /// Where the robot should be now.
    pub fn expected(&self, robot: usize, now: u32) -> Option<Pose> {
        let way = &self.ways[robot];
        way.get((now - self.made_at) as usize).or(way.last()).copied()
    }

    /// What the robot is to do now, if it is where it should be.
    pub fn next_action(&self, robot: usize, pose: Pose, now: u32) -> Option<Action> {
        let at = (now - self.made_at) as usize;
        let (here, next) = (*self.ways[robot].get(at)?, *self.ways[robot].get(at + 1)?);
        (here == pose).then(|| action_between(here, next))
    }

    /// Whether a robot's way leads over a cell.
    pub fn leads_over(&self, robot: usize, cell: usize) -> bool {
        self.ways[robot].iter().any(|pose| cell_of(*pose) == cell)
    }

    /// Whether somebody stays on this cell, to charge or for good.
    pub fn is_occupied(&self, pose: Pose) -> bool {
        self.ways.iter().any(|way| way.len() == 1 && cell_of(way[0]) == cell_of(pose))
    }

    /// Whether a cell is on nobody's way after so many steps of the plan.
    pub fn is_free_after(&self, cell: usize, steps: usize) -> bool {
        let last = self.last_use[cell];
        last == 0 || last < self.made_at + steps as u32
    }

    /// Whether a robot at this pose at that step is in nobody's way, or will have got out of it in time.
    pub fn is_open(&self, pose: Pose, step: u32) -> bool {
        self.last_use[cell_of(pose)] < step || step <= self.deadline[usize::from(pose)]
    }

    /// The last step at which a robot at this pose can still get out of the way.
    pub fn deadline(&self, pose: Pose) -> u32 {
        if self.last_use[cell_of(pose)] == 0 { FOR_EVER } else { self.deadline[usize::from(pose)] }
    }

    /// The robot whose way is the first to lead over a cell.
    pub fn first_on(&self, cell: usize) -> Option<usize> {
        let arrival = |way: &Vec<Pose>| way.iter().position(|pose| cell_of(*pose) == cell);
        let arrivals = self.ways.iter().enumerate().filter_map(|(robot, way)| Some((arrival(way)?, robot)));
        arrivals.min().map(|(_, robot)| robot)
    }

    /// Works out when cells are on a way and until when others may be there.
    pub fn close(&mut self, roads: &Roads) {
        for cell in self.used.drain(..).map(usize::from) {
            (self.first_use[cell], self.last_use[cell]) = (FOR_EVER, 0);
            self.deadline[4 * cell..4 * cell + 4].fill(0);
        }
        for way in self.ways.iter().filter(|way| !way.is_empty()) {
            for steps in 0..way.len() {
                let cell = cell_at(way, steps);
                if self.last_use[cell] == 0 {
                    self.used.push(cell as u16);
                }
                // The step before the plan counts for its moment too, so that 0 stays free to mean never.
                let step = (self.made_at + steps as u32).max(1);
                let last = if steps + 1 == way.len() { FOR_EVER } else { step };
                self.first_use[cell] = self.first_use[cell].min(step);
                self.last_use[cell] = self.last_use[cell].max(last);
            }
        }
        self.find_deadlines(roads);
    }

    /// A robot gets out of the way in time if its next pose is on no way, or if it still gets out in time from there.
    fn find_deadlines(&mut self, roads: &Roads) {
        let mut queue: Vec<Pose> = Vec::new();
        for cell in &self.used {
            let exits =
                (4 * cell..4 * cell + 4).filter(|pose| roads.ahead(*pose).is_some_and(|next| self.is_unused(next)));
            queue.extend(exits);
        }
        for exit in &queue {
            self.deadline[usize::from(*exit)] = self.cleared_by(*exit);
        }
        let mut next = 0;
        while let Some(&pose) = queue.get(next) {
            next += 1;
            let before = self.deadline[usize::from(pose)].saturating_sub(1);
            let sources = [roads.after(pose, Action::TurnLeft), roads.after(pose, Action::TurnRight)];
            for source in sources.into_iter().chain(roads.behind(pose).filter(|source| !self.is_unused(*source))) {
                let deadline = before.min(self.cleared_by(source));
                if deadline > self.deadline[usize::from(source)] {
                    self.deadline[usize::from(source)] = deadline;
                    queue.push(source);
                }
            }
        }
    }

    fn is_unused(&self, pose: Pose) -> bool {
        self.last_use[cell_of(pose)] == 0
    }

    /// The last step at which anybody else may be there.
    fn cleared_by(&self, pose: Pose) -> u32 {
        self.first_use[cell_of(pose)].saturating_sub(1 + HEADWAY)
    }
}

/// What leads from one pose to the next.
pub(super) fn action_between(here: Pose, next: Pose) -> Action {
    if cell_of(here) != cell_of(next) {
        return Action::Forward;
    }
    match next.wrapping_sub(here) & 3 {
        0 => Action::Patrol,
        1 => Action::TurnRight,
        _ => Action::TurnLeft,
    }
}

#[cfg(test)]
mod tests {
    use super::super::search::tests::{corridor, pose};
    use super::*;
    use crate::action::Heading;

    #[test]
    fn others_may_stay_on_a_way_until_they_only_just_get_out_of_it() {
        let roads = Roads::new(&corridor());
        let mut ways = Ways::new(2, 21);
        ways.start_anew(100);
        // Somebody waits for 40 steps at the western end, then walks to the eastern one and stays there.
        let waits = std::iter::repeat_n(pose(0, Heading::East), 41);
        ways.set(0, waits.chain((1..7).map(|x| pose(x, Heading::East))).collect());
        ways.close(&roads);
        // At the mouth of the bay, looking into it: one move before the cell is used, with headway. Each turn and move before
        // costs a step, and nobody can be where the walker is or arrives too soon.
        let used = |x: u32| 100 + 40 + x;
        assert_eq!(ways.deadline(pose(4, Heading::North)), used(4) - 1 - HEADWAY);
        assert_eq!(ways.deadline(pose(4, Heading::East)), used(4) - 2 - HEADWAY);
        assert_eq!(ways.deadline(pose(5, Heading::West)), used(4) - 3 - HEADWAY);
        assert!(ways.deadline(pose(0, Heading::East)) < 100);
        let (here, last) = (pose(5, Heading::West), used(4) - 3 - HEADWAY);
        assert!(ways.is_open(here, last) && !ways.is_open(here, last + 1));
        // Where the walker has been it is open again, where it stays never.
        assert!(ways.is_open(pose(2, Heading::East), used(2) + 1));
        assert!(!ways.is_open(pose(6, Heading::East), 10_000));
        assert_eq!(ways.next_action(0, pose(0, Heading::East), 120), Some(Action::Patrol));
        assert_eq!(ways.next_action(0, pose(0, Heading::East), 140), Some(Action::Forward));
        assert_eq!(ways.next_action(0, pose(1, Heading::East), 140), None);
    }
}
