//! What one robot is about: its task and its plans.

use super::strategy::{Goal, Reason};
use super::way::Way;
use crate::action::Action;
use crate::agents::pose_graph::{Pose, PoseGraph};

/// What one robot is about.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub task: Task,
    pub plan: Plan,
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

/// How a robot gets to its goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Undecided,
    /// By [`Course::way`], which is asked step by step.
    Way,
    /// By these actions, the next one last.
    Detour(Vec<Action>),
}

impl Plan {
    /// Does these actions, the next one last.
    pub fn of(actions: Vec<Action>) -> Self {
        if actions.is_empty() { Self::Undecided } else { Self::Detour(actions) }
    }
}

impl Course {
    pub fn new(pose: Pose) -> Self {
        let task = Task::Undecided(Reason::Start);
        Self {
            task,
            plan: Plan::Undecided,
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
        self.follow(Plan::Undecided);
    }

    pub fn follow(&mut self, plan: Plan) {
        self.plan = plan;
        self.changed = true;
    }

    pub fn evade(&mut self, evasion: Vec<Action>) {
        self.evasion = evasion;
        self.follow(Plan::Undecided);
    }

    /// The next action of the plan, if there is one.
    pub fn next_planned(&self, graph: &PoseGraph) -> Option<Action> {
        match &self.plan {
            Plan::Undecided => None,
            Plan::Way => self.way.next(graph, self.expected),
            Plan::Detour(actions) => actions.last().copied(),
        }
    }

    /// Steps to the end of the plan, 0 if there is none.
    pub fn steps_left(&self) -> u32 {
        match &self.plan {
            Plan::Undecided => 0,
            Plan::Way => self.way.steps(self.expected).into(),
            Plan::Detour(actions) => actions.len() as u32,
        }
    }

    /// The first cell that the robot enters if it does all that it means to.
    pub fn next_cell(&self, graph: &PoseGraph) -> Option<usize> {
        let entered = |actions: &[Action]| graph.first_entered(self.expected, actions.iter().rev().copied());
        match &self.plan {
            _ if !self.evasion.is_empty() => entered(&self.evasion),
            Plan::Undecided => None,
            Plan::Way => graph.first_entered(self.expected, self.way.from(graph, self.expected)),
            Plan::Detour(actions) => entered(actions),
        }
    }

    /// Does the next thing that it meant to do on its way; says whether there was any.
    pub fn proceed(&mut self, graph: &PoseGraph, action: Action) -> bool {
        self.waited = 0;
        self.expected = graph.after(self.expected, action);
        if self.evasion.pop().is_some() {
            return true;
        }
        let goes_on = match &mut self.plan {
            Plan::Undecided => return false,
            Plan::Way => self.way.next(graph, self.expected).is_some(),
            Plan::Detour(actions) => actions.pop().is_some() && !actions.is_empty(),
        };
        if !goes_on {
            self.plan = Plan::Undecided;
        }
        true
    }

    pub fn may_exchange(&self) -> bool {
        self.alive && self.evasion.is_empty()
    }
}
