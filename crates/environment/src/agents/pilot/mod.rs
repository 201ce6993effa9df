//! Gets robots where their strategy wants them: plans paths, charges in time, and resolves who gives way.

mod batteries;
mod codec;
mod course;
mod meetings;
mod strategy;
mod way;

use super::Agent;
use super::pose_graph::PoseGraph;
use super::traffic::{Intent, crosses};
use crate::action::Action;
use crate::config::PatrolMode;
use crate::rng::Stream;
use crate::world::World;
use course::{Course, Plan, Task};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

pub(super) use strategy::{Decision, Goal, Reason, Strategy};

/// Decisions asked of a strategy per robot and step.
const DECISIONS: usize = 4;

/// An agent made of a strategy.
#[derive(Clone, Debug)]
pub(super) struct Pilot<S> {
    strategy: S,
    graph: PoseGraph,
    courses: Vec<Course>,
    patrols_on_action: bool,
    rng: ChaCha8Rng,
    /// What robots meant to do when they were last asked.
    intents: Vec<Intent>,
}

impl<S> Pilot<S> {
    /// What says where robots go.
    pub fn strategy(&self) -> &S {
        &self.strategy
    }

    pub fn strategy_mut(&mut self) -> &mut S {
        &mut self.strategy
    }

    pub fn graph(&self) -> &PoseGraph {
        &self.graph
    }

    /// At the start of an episode in `world`, all but the strategy.
    pub fn prepare(&mut self, world: &World) {
        self.graph = PoseGraph::new(world.map());
        self.patrols_on_action = world.config().patrol_mode == PatrolMode::OnAction;
        self.rng = world.key().rng(Stream::Agent);
        let graph = &self.graph;
        let courses = world.robots().iter().map(|robot| Course::new(graph.pose_of(robot)));
        self.courses = courses.collect();
    }
}

impl<S: Strategy> Pilot<S> {
    pub fn new(strategy: S) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(0);
        Self {
            strategy,
            graph: PoseGraph::default(),
            courses: Vec::new(),
            patrols_on_action: true,
            rng,
            intents: Vec::new(),
        }
    }
}

impl<S: Strategy> Agent for Pilot<S> {
    fn name(&self) -> &'static str {
        self.strategy.name()
    }

    fn reset(&mut self, world: &World) {
        self.prepare(world);
        self.strategy.reset(world, &mut self.graph);
    }

    fn act(&mut self, world: &World, actions: &mut [Action]) {
        self.propose(world);
        actions.iter_mut().zip(&self.courses).for_each(|(action, course)| *action = course.proposed);
        self.take_in(actions);
    }
}

impl<S: Strategy> Pilot<S> {
    /// What every robot should do next. [`Pilot::take_in`] must follow before it is asked again.
    pub fn propose(&mut self, world: &World) {
        self.notice(world);
        let mut intents = std::mem::take(&mut self.intents);
        intents.resize(self.courses.len(), Intent::default());
        intents.iter_mut().enumerate().for_each(|(robot, intent)| self.intend(world, robot, intent));
        if crosses(&intents) || intents.iter().any(|intent| intent.detained) {
            self.settle(world, &mut intents);
        }
        for (course, intent) in self.courses.iter_mut().zip(&intents) {
            let must_wait = intent.held && intent.action == Action::Forward;
            course.keeps_still = intent.detained || must_wait;
            course.proposed = if course.keeps_still { Action::Patrol } else { intent.action };
        }
        self.intents = intents;
    }

    /// What was proposed last.
    pub fn proposed(&self, robot: usize) -> Action {
        self.courses[robot].proposed
    }

    /// Steps until the robot is at `goal`, if nobody is in its way: where it should go, or was when it began to wait for its time.
    pub fn steps_to(&mut self, goal: Goal, robot: usize) -> Option<u32> {
        let course = &mut self.courses[robot];
        match course.plan {
            Plan::Undecided => course.way.steps_from(&self.graph, course.expected, goal),
            Plan::Way | Plan::Detour(_) => Some(course.steps_left()),
        }
    }

    /// The same if it does this first.
    pub fn steps_after(&mut self, action: Action, goal: Goal, robot: usize) -> Option<u32> {
        let course = &mut self.courses[robot];
        let pose = self.graph.after(course.expected, action);
        course.way.steps_from(&self.graph, pose, goal).map(|steps| 1 + steps)
    }

    /// Whether that is for a battery's sake, its own or that of a team mate.
    pub fn is_ordered(&self, robot: usize) -> bool {
        self.courses[robot].ordered
    }

    /// What the robots did, which need not be what was proposed.
    pub fn take_in(&mut self, actions: &[Action]) {
        for (robot, action) in actions.iter().enumerate() {
            let course = &self.courses[robot];
            if *action == course.proposed && !course.ordered {
                self.commit(robot, *action, course.keeps_still);
            } else {
                self.stray(robot, *action);
            }
        }
    }

    /// A robot that does something else still has the same task: it plans anew from where that leads.
    fn stray(&mut self, robot: usize, action: Action) {
        let course = &mut self.courses[robot];
        course.plan = Plan::Undecided;
        course.evasion.clear();
        (course.waited, course.stood) = (0, 0);
        course.expected = self.graph.after(course.expected, action);
        let served = |goal: Goal| goal.patrol && action == Action::Patrol && goal.cell == course.expected.cell();
        if matches!(course.task, Task::Visit(goal) if served(goal)) {
            course.task = Task::Undecided(Reason::Done);
        }
    }

    /// Compares plans with what happened.
    fn notice(&mut self, world: &World) {
        for (robot, course) in world.robots().iter().zip(&mut self.courses) {
            let pose = self.graph.pose_of(robot);
            if pose != course.expected {
                course.plan = Plan::Undecided;
                course.expected = pose;
            }
        }
        for robot in 0..self.courses.len() {
            if self.courses[robot].alive && !world.robots()[robot].alive() {
                self.courses[robot].alive = false;
                self.graph.block(self.courses[robot].expected.cell());
                for course in &mut self.courses {
                    course.plan = Plan::Undecided;
                    course.way.forget();
                }
            }
        }
    }

    /// In place: copied at once, an intent would be waited for until all its parts are stored.
    fn intend(&mut self, world: &World, robot: usize, intent: &mut Intent) {
        let (wish, heedless) = self.choose(world, robot);
        let action = self.permitted(world, robot, wish);
        let detained = action == Action::Patrol && wish != Action::Patrol;
        self.courses[robot].ordered |= action != wish && !detained;
        let course = &self.courses[robot];
        *intent = Intent {
            action,
            cell: course.expected.cell(),
            target: self.graph.after(course.expected, action).cell(),
            next_cell: None,
            urgent: matches!(course.task, Task::Charge),
            heedless,
            held: false,
            detained,
        };
    }

    /// The next action, and whether it is taken whatever the others do.
    fn choose(&mut self, world: &World, robot: usize) -> (Action, bool) {
        if !self.courses[robot].alive {
            return (Action::Patrol, false);
        }
        if let Some(ordered) = self.mind_battery(world, robot) {
            return ordered;
        }
        if let Some(action) = self.courses[robot].evasion.last() {
            return (*action, false);
        }
        for _ in 0..DECISIONS {
            match self.courses[robot].task {
                Task::Undecided(reason) => match self.strategy.decide(world, &mut self.graph, robot, reason) {
                    Decision::Act(action) => return (action, action != Action::Patrol),
                    Decision::Go(goal) => self.courses[robot].take(Task::Visit(goal)),
                },
                Task::Visit(goal) if goal.is_reached(self.courses[robot].expected) => {
                    if goal.patrol && self.patrols_on_action {
                        return (Action::Patrol, false);
                    }
                    self.courses[robot].take(Task::Undecided(Reason::Done));
                }
                Task::Visit(goal) => match self.next_planned(robot, goal) {
                    Some(action) => return (action, false),
                    None => self.courses[robot].take(Task::Undecided(Reason::Unreachable)),
                },
                Task::Charge => return (Action::Patrol, false),
            }
        }
        (Action::Patrol, false)
    }

    /// The next action of the plan to `goal`, planned anew if there is none.
    fn next_planned(&mut self, robot: usize, goal: Goal) -> Option<Action> {
        let course = &mut self.courses[robot];
        if course.plan == Plan::Undecided && course.way.find(&self.graph, course.expected, goal) {
            course.plan = Plan::Way;
        }
        course.next_planned(&self.graph)
    }

    fn commit(&mut self, robot: usize, action: Action, keeps_still: bool) {
        if !keeps_still {
            self.proceed(robot, action);
        }
        if action == Action::Forward {
            self.courses[robot].stood = 0;
        } else {
            self.leave_in_the_end(robot);
        }
    }

    fn proceed(&mut self, robot: usize, action: Action) {
        let course = &mut self.courses[robot];
        if course.proceed(&self.graph, action) {
            return;
        }
        match course.task {
            Task::Visit(_) => course.take(Task::Undecided(Reason::Done)),
            Task::Undecided(_) => course.task = Task::Undecided(Reason::Done),
            Task::Charge => {}
        }
    }
}
