//! What says where robots go.

use crate::action::{Action, Heading};
use crate::agents::pose_graph::{Pose, PoseGraph};
use crate::world::World;

/// Says where robots go.
pub(in crate::agents) trait Strategy: Send {
    /// The agent's name.
    fn name(&self) -> &'static str;

    /// A new episode starts; all robots are about to be asked with [`Reason::Start`].
    fn reset(&mut self, world: &World, graph: &mut PoseGraph);

    /// What `robot` does next.
    fn decide(&mut self, world: &World, graph: &mut PoseGraph, robot: usize, reason: Reason) -> Decision;

    /// Two robots that met change places: each takes over the other's goal and whatever belongs to it.
    fn exchange(&mut self, a: usize, b: usize) {
        let _ = (a, b);
    }
}

/// Why a robot is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agents) enum Reason {
    /// The episode starts, or the robot returns from charging.
    Start,
    /// It reached its goal, or acted as it decided.
    Done,
    /// Its goal cannot be reached, for now at least.
    Unreachable,
}

/// What a robot does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agents) enum Decision {
    /// Goes somewhere.
    Go(Goal),
    /// Acts once and is asked again.
    Act(Action),
}

/// Where a robot goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agents) struct Goal {
    /// Index of the cell.
    pub cell: usize,
    /// Heading on arrival, if it matters.
    pub heading: Option<Heading>,
    /// Patrols on arrival.
    pub patrol: bool,
}

impl Goal {
    pub(super) fn is_reached(&self, pose: Pose) -> bool {
        pose.cell() == self.cell && self.heading.is_none_or(|heading| heading == pose.heading())
    }
}
