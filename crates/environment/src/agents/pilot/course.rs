//! What one robot is about: its task and its plans.

use super::strategy::{Goal, Reason};
use super::way::Way;
use crate::action::Action;
use crate::agents::pose_graph::Pose;

/// What one robot is about.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub task: Task,
    /// Actions to the goal, the next one last.
    pub plan: Vec<Action>,
    /// The way to the goal if nobody is in it.
    pub way: Way,
    /// Actions to get out of the way first, the next one last.
    pub evasion: Vec<Action>,
    /// Where the last action should have led.
    pub expected: Pose,
    /// Steps of waiting in a row.
    pub waited: u16,
    pub alive: bool,
    /// Steps on one cell while its goal is elsewhere.
    pub stood: u16,
    /// Has something else to do than it intended in this step.
    pub changed: bool,
    /// What it should do in this step.
    pub proposed: Action,
    /// Whether that is to wait.
    pub keeps_still: bool,
    /// Whether that is for a battery's sake, its own or that of a team mate, and not for its task.
    pub ordered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Undecided(Reason),
    Visit(Goal),
    /// Goes to charge and stays until it has enough.
    Charge,
}

impl Course {
    pub fn new(pose: Pose) -> Self {
        let task = Task::Undecided(Reason::Start);
        Self {
            task,
            plan: Vec::new(),
            way: Way::default(),
            evasion: Vec::new(),
            expected: pose,
            waited: 0,
            alive: true,
            stood: 0,
            changed: false,
            proposed: Action::Patrol,
            keeps_still: false,
            ordered: false,
        }
    }

    pub fn take(&mut self, task: Task) {
        self.task = task;
        self.follow(Vec::new());
    }

    pub fn follow(&mut self, plan: Vec<Action>) {
        self.plan = plan;
        self.changed = true;
    }

    pub fn evade(&mut self, evasion: Vec<Action>) {
        self.evasion = evasion;
        self.follow(Vec::new());
    }

    pub fn may_exchange(&self) -> bool {
        self.alive && self.evasion.is_empty()
    }
}
