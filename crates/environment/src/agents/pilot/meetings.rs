//! What robots do that are in each other's way.

use super::{Pilot, Plan, Reason, Strategy, Task};
use crate::action::Action;
use crate::agents::pose_graph::Pose;
use crate::agents::traffic::{Intent, meet_head_on, waits};
use crate::config::MAX_ROBOTS;
use crate::rng::below;
use crate::world::World;

/// Steps a robot waits before it looks for a way around, before it asks for another goal, and before it moves at random.
const PATIENCE: [u16; 3] = [3, 8, 24];
/// Random actions in a row.
const WANDERING: usize = 6;
/// Steps on one cell after which a robot moves at random: ends what no exchange could.
const LONGEST_STAND: u16 = 40;

impl<S: Strategy> Pilot<S> {
    /// Decides who waits for whom, where that is in question at all. What those mean to do may change, to turns only.
    pub(super) fn settle(&mut self, world: &World, intents: &mut [Intent]) {
        for (course, intent) in self.courses.iter_mut().zip(&mut *intents) {
            course.changed = false;
            intent.next_cell = course.next_cell(&self.graph);
        }
        for (robot, intent) in intents.iter().enumerate().filter(|(_, intent)| intent.detained) {
            self.wait_for_return(intent, robot);
        }
        let waits = waits(intents);
        for robot in 0..intents.len() {
            if let Some(other) = waits[robot].filter(|_| !intents[robot].held) {
                self.wait(world, intents, robot, other);
            }
        }
        for (intent, wait) in intents.iter_mut().zip(waits) {
            intent.held |= wait.is_some();
        }
    }

    /// `robot` must wait for `other`: finds a way for both. May change what both intend, to turns only.
    fn wait(&mut self, world: &World, intents: &mut [Intent], robot: usize, other: usize) {
        self.courses[robot].waited += 1;
        let (mine, theirs) = (self.courses[robot].task, self.courses[other].task);
        let both = [robot, other].iter().all(|robot| self.courses[*robot].may_exchange());
        let faces = meet_head_on(&intents[robot], &intents[other]);
        let idles = matches!(theirs, Task::Undecided(_)) && intents[other].action == Action::Patrol;
        let charges = [mine, theirs].map(|task| task == Task::Charge);
        let would_exchange = match charges {
            [false, false] => faces || idles,
            [false, true] => self.gives_up_station(world, robot, other),
            [true, _] => false,
        };
        if both && would_exchange {
            self.exchange(robot, other);
        } else {
            self.lose_patience(robot);
        }
        for robot in [robot, other] {
            if self.courses[robot].changed {
                let intent = &mut intents[robot];
                self.intend(world, robot, intent);
                let course = &mut self.courses[robot];
                (intent.held, intent.next_cell) = (true, course.next_cell(&self.graph));
                course.changed = false;
            }
        }
    }

    /// `robot` must keep out of the way of one that must charge: after a while it looks for a way around.
    fn wait_for_return(&mut self, intent: &Intent, robot: usize) {
        let course = &mut self.courses[robot];
        course.waited += 1;
        if let Task::Visit(goal) = course.task
            && course.waited.is_multiple_of(PATIENCE[0])
        {
            let mut closed = self.occupied_by_others(robot);
            closed.extend(intent.next_cell);
            self.find_way(robot, &closed, |pose| goal.is_reached(pose));
        }
    }

    /// Both turn round: planned the ordinary way, a detour that saves a turn could lead them into each other again.
    fn exchange(&mut self, a: usize, b: usize) {
        self.strategy.exchange(a, b);
        let tasks = (self.courses[a].task, self.courses[b].task);
        for (robot, task) in [(a, tasks.1), (b, tasks.0)] {
            self.courses[robot].take(task);
            if let Task::Visit(goal) = task {
                self.find_way_around(robot, |pose| goal.is_reached(pose));
            }
        }
    }

    /// Looks for a way around, then for another goal, then moves at random.
    fn lose_patience(&mut self, robot: usize) {
        let waited = self.courses[robot].waited;
        let task = self.courses[robot].task;
        if waited.is_multiple_of(PATIENCE[2]) {
            self.wander(robot);
        } else if waited.is_multiple_of(PATIENCE[1]) && matches!(task, Task::Visit(_)) {
            self.courses[robot].take(Task::Undecided(Reason::Unreachable));
        } else if waited.is_multiple_of(PATIENCE[0])
            && let Task::Visit(goal) = task
        {
            self.find_way_around(robot, |pose| goal.is_reached(pose));
        }
    }

    /// Moves at random when a robot that wants to go somewhere has not left its cell for long.
    pub(super) fn leave_in_the_end(&mut self, robot: usize) {
        let course = &mut self.courses[robot];
        let travels = matches!(course.task, Task::Visit(goal) if !goal.is_reached(course.expected));
        course.stood = if travels { course.stood + 1 } else { 0 };
        if course.stood > LONGEST_STAND {
            course.stood = 0;
            self.wander(robot);
        }
    }

    fn wander(&mut self, robot: usize) {
        let actions = (0..WANDERING).map(|_| Action::ALL[below(&mut self.rng, 3)]);
        self.courses[robot].evade(actions.collect());
    }

    fn find_way_around(&mut self, robot: usize, is_goal: impl Fn(Pose) -> bool) {
        let occupied = self.occupied_by_others(robot);
        self.find_way(robot, &occupied, is_goal);
    }

    fn find_way(&mut self, robot: usize, closed: &[usize], is_goal: impl Fn(Pose) -> bool) {
        let mut plan = Vec::new();
        if self.graph.plan(self.courses[robot].expected, closed, is_goal, &mut plan) {
            self.courses[robot].follow(Plan::of(plan));
        }
    }

    pub(super) fn occupied_by_others(&self, robot: usize) -> Vec<usize> {
        let mut cells = Vec::with_capacity(MAX_ROBOTS);
        let others = self.courses.iter().enumerate().filter(|(other, _)| *other != robot);
        cells.extend(others.map(|(_, course)| course.expected.cell()));
        cells
    }
}
