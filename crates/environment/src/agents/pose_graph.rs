//! Shortest plans of actions: a graph whose nodes are poses (cell and heading) and whose edges are single actions.
//!
//! Moves and turns take one step each, so breadth-first search finds the quickest plan with turns counted.

use crate::action::{Action, Heading};
use crate::map::{Cell, Map};
use crate::roads::Roads;
use crate::world::Robot;

/// Distance of a pose that cannot be reached.
pub(super) const UNREACHABLE: u16 = u16::MAX;

/// Cell and heading in one number: `4 * (y * width + x) + heading`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pose(u16);

impl Pose {
    pub fn new(cell: usize, heading: Heading) -> Self {
        Self((cell * 4) as u16 | heading as u16)
    }

    /// The pose with this index, below four times the number of cells.
    pub fn at(index: usize) -> Self {
        Self(index as u16)
    }

    /// Index of the cell, `y * width + x`.
    pub fn cell(self) -> usize {
        usize::from(self.0 / 4)
    }

    pub fn heading(self) -> Heading {
        Heading::ALL[usize::from(self.0 & 3)]
    }

    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The pose on the same cell that looks back.
    pub fn reversed(self) -> Self {
        Self(self.0 ^ 2)
    }
}

/// Searches over the roads of a map.
#[derive(Clone, Debug, Default)]
pub(super) struct PoseGraph {
    width: usize,
    blocked: Vec<bool>,
    roads: Roads,
    /// How the search reached a pose, if `stamp` is current.
    reached_by: Vec<Action>,
    stamp: Vec<u32>,
    current: u32,
    queue: Vec<u16>,
}

impl PoseGraph {
    pub fn new(map: &Map) -> Self {
        let roads = Roads::new(map);
        let poses = roads.poses();
        Self {
            width: map.width(),
            blocked: map.obstacles().to_vec(),
            roads,
            reached_by: vec![Action::Patrol; poses],
            stamp: vec![0; poses],
            current: 0,
            queue: Vec::with_capacity(poses),
        }
    }

    pub fn pose_of(&self, robot: &Robot) -> Pose {
        Pose::new(self.index_of(robot.cell), robot.heading)
    }

    pub fn index_of(&self, cell: Cell) -> usize {
        usize::from(cell.y) * self.width + usize::from(cell.x)
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether no robot can ever stand there: an obstacle, or a robot that stopped for good.
    pub fn is_blocked(&self, cell: usize) -> bool {
        self.blocked[cell]
    }

    /// Number of cells, free or not.
    pub fn cells(&self) -> usize {
        self.blocked.len()
    }

    /// From now on nobody moves onto this cell or leaves it.
    pub fn block(&mut self, cell: usize) {
        self.blocked[cell] = true;
        self.roads.block(cell);
    }

    /// The pose after an action; where it is if it cannot move.
    pub fn after(&self, pose: Pose, action: Action) -> Pose {
        Pose(self.roads.after(pose.0, action))
    }

    /// The first cell entered by these actions.
    pub fn first_entered(&self, from: Pose, actions: impl IntoIterator<Item = Action>) -> Option<usize> {
        let mut pose = from;
        let entered = |action| {
            pose = self.after(pose, action);
            (pose.cell() != from.cell()).then_some(pose.cell())
        };
        actions.into_iter().find_map(entered)
    }

    /// Steps from the nearest of `sources` to every pose, by [`Pose::index`].
    pub fn distances(&mut self, sources: &[Pose], distances: &mut Vec<u16>) {
        distances.clear();
        distances.resize(self.roads.poses(), UNREACHABLE);
        self.queue.clear();
        for source in sources {
            distances[source.index()] = 0;
            self.queue.push(source.0);
        }
        let mut next = 0;
        while let Some(&pose) = self.queue.get(next) {
            next += 1;
            let distance = distances[usize::from(pose)] + 1;
            for action in [Action::Forward, Action::TurnLeft, Action::TurnRight] {
                let reached = self.roads.after(pose, action);
                if distances[usize::from(reached)] == UNREACHABLE {
                    distances[usize::from(reached)] = distance;
                    self.queue.push(reached);
                }
            }
        }
    }

    /// Visits poses in order of their distance from `from` while `visit(pose, distance)` asks for more.
    pub fn explore(&mut self, from: Pose, mut visit: impl FnMut(Pose, u16) -> bool) {
        self.current += 1;
        self.stamp[from.index()] = self.current;
        self.queue.clear();
        self.queue.push(from.0);
        let (mut next, mut distance, mut layer_end) = (0, 0, 1);
        while let Some(&pose) = self.queue.get(next) {
            let pose = Pose(pose);
            if !visit(pose, distance) {
                return;
            }
            for action in [Action::Forward, Action::TurnLeft, Action::TurnRight] {
                let reached = self.after(pose, action);
                if self.stamp[reached.index()] != self.current {
                    self.stamp[reached.index()] = self.current;
                    self.queue.push(reached.0);
                }
            }
            next += 1;
            if next == layer_end {
                (distance, layer_end) = (distance + 1, self.queue.len());
            }
        }
    }

    /// Quickest plan from `from` to a pose that satisfies `is_goal`, never moving onto the cells `avoid`. The plan is
    /// left in `plan` last action first, so that it can be popped. Says whether there is one.
    pub fn plan(
        &mut self,
        from: Pose,
        avoid: &[usize],
        is_goal: impl Fn(Pose) -> bool,
        plan: &mut Vec<Action>,
    ) -> bool {
        plan.clear();
        self.current += 1;
        self.stamp[from.index()] = self.current;
        self.queue.clear();
        self.queue.push(from.0);
        let mut next = 0;
        while let Some(&pose) = self.queue.get(next) {
            next += 1;
            let pose = Pose(pose);
            if is_goal(pose) {
                self.trace_back(from, pose, plan);
                return true;
            }
            for action in [Action::Forward, Action::TurnLeft, Action::TurnRight] {
                let reached = self.after(pose, action);
                let new = self.stamp[reached.index()] != self.current;
                if new && (action != Action::Forward || !avoid.contains(&reached.cell())) {
                    self.stamp[reached.index()] = self.current;
                    self.reached_by[reached.index()] = action;
                    self.queue.push(reached.0);
                }
            }
        }
        false
    }

    fn trace_back(&self, from: Pose, goal: Pose, plan: &mut Vec<Action>) {
        let mut pose = goal;
        while pose != from {
            let action = self.reached_by[pose.index()];
            plan.push(action);
            pose = match action {
                Action::TurnLeft => self.after(pose, Action::TurnRight),
                Action::TurnRight => self.after(pose, Action::TurnLeft),
                // Reached by a move: the pose it came from is the one ahead when looking back.
                _ => self.ahead_of_reversed(pose),
            };
        }
    }

    fn ahead_of_reversed(&self, pose: Pose) -> Pose {
        let width = self.width as i32;
        let (dx, dy) = pose.heading().delta();
        Pose::new((pose.cell() as i32 - dx - dy * width) as usize, pose.heading())
    }
}
