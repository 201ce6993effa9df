//! Gets robots where their strategy wants them: plans paths, charges in time, and resolves who gives way.

use super::Agent;
use super::charging::Charging;
use super::pose_graph::{Pose, PoseGraph};
use super::traffic::{Intent, meet_head_on, waits};
use crate::action::{Action, Heading};
use crate::config::{MAX_ROBOTS, PatrolMode};
use crate::rng::{Stream, below};
use crate::world::World;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// Steps a robot waits before it looks for a way around, before it asks for another goal, and before it moves at random.
const PATIENCE: [u16; 3] = [3, 8, 24];
/// Decisions asked of a strategy per robot and step.
const DECISIONS: usize = 4;
/// Steps that a robot stays out of the way after it gave way.
const COURTESY: usize = 3;
/// A robot leaves its station to one that cannot get past, if that one's battery is lower by more than this.
const TAKE_OVER: f64 = 5.0;

/// Says where robots go.
pub(super) trait Strategy: Send {
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
pub(super) enum Reason {
    /// The episode starts, or the robot returns from charging.
    Start,
    /// It reached its goal, or acted as it decided.
    Done,
    /// Its goal cannot be reached, for now at least.
    Unreachable,
}

/// What a robot does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Goes somewhere.
    Go(Goal),
    /// Acts once and is asked again.
    Act(Action),
}

/// Where a robot goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    /// Index of the cell.
    pub cell: usize,
    /// Heading on arrival, if it matters.
    pub heading: Option<Heading>,
    /// Patrols on arrival.
    pub patrol: bool,
}

/// An agent made of a strategy.
pub(super) struct Pilot<S> {
    strategy: S,
    graph: PoseGraph,
    charging: Charging,
    courses: Vec<Course>,
    patrols_on_action: bool,
    rng: ChaCha8Rng,
}

/// What one robot is about.
#[derive(Clone, Debug)]
struct Course {
    task: Task,
    /// Actions to the goal, the next one last.
    plan: Vec<Action>,
    /// Actions to get out of the way first, the next one last.
    evasion: Vec<Action>,
    /// Where the last action should have led.
    expected: Pose,
    /// Steps of waiting in a row.
    waited: u16,
    alive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Undecided(Reason),
    Visit(Goal),
    Charge { station: usize },
}

impl<S: Strategy> Pilot<S> {
    pub fn new(strategy: S) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(0);
        let (graph, charging) = (PoseGraph::default(), Charging::default());
        Self { strategy, graph, charging, courses: Vec::new(), patrols_on_action: true, rng }
    }
}

impl<S: Strategy> Agent for Pilot<S> {
    fn name(&self) -> &'static str {
        self.strategy.name()
    }

    fn reset(&mut self, world: &World) {
        self.graph = PoseGraph::new(world.map());
        self.charging = Charging::new(world, &mut self.graph);
        self.patrols_on_action = world.config().patrol_mode == PatrolMode::OnAction;
        self.rng = world.key().rng(Stream::Agent);
        let graph = &self.graph;
        let courses = world.robots().iter().map(|robot| Course::new(graph.pose_of(robot)));
        self.courses = courses.collect();
        self.strategy.reset(world, &mut self.graph);
    }

    fn act(&mut self, world: &World, actions: &mut [Action]) {
        self.notice(world);
        let mut intents: Vec<Intent> = (0..self.courses.len()).map(|robot| self.intend(world, robot)).collect();
        let waits = waits(&intents);
        for robot in 0..intents.len() {
            if let Some(other) = waits[robot] {
                self.wait(world, &mut intents, robot, other);
            }
        }
        for (robot, action) in actions.iter_mut().enumerate() {
            let keeps_still = waits[robot].is_some() && intents[robot].action == Action::Forward;
            *action = if keeps_still { Action::Patrol } else { intents[robot].action };
            self.commit(robot, *action, keeps_still);
        }
    }
}

impl<S: Strategy> Pilot<S> {
    /// Compares plans with what happened.
    fn notice(&mut self, world: &World) {
        for (robot, course) in world.robots().iter().zip(&mut self.courses) {
            let pose = self.graph.pose_of(robot);
            if pose != course.expected {
                course.plan.clear();
                course.expected = pose;
            }
        }
        for robot in 0..self.courses.len() {
            if self.courses[robot].alive && !world.robots()[robot].alive() {
                self.courses[robot].alive = false;
                self.graph.block(self.courses[robot].expected.cell());
                self.courses.iter_mut().for_each(|course| course.plan.clear());
            }
        }
    }

    fn intend(&mut self, world: &World, robot: usize) -> Intent {
        let (action, heedless) = self.choose(world, robot);
        let course = &self.courses[robot];
        let plan = if course.evasion.is_empty() { &course.plan } else { &course.evasion };
        Intent {
            action,
            cell: course.expected.cell(),
            target: self.graph.after(course.expected, action).cell(),
            next_cell: self.path(course.expected, plan).next(),
            urgent: matches!(course.task, Task::Charge { .. }),
            heedless,
        }
    }

    /// The next action, and whether it is taken whatever the others do.
    fn choose(&mut self, world: &World, robot: usize) -> (Action, bool) {
        if !self.courses[robot].alive {
            return (Action::Patrol, false);
        }
        self.mind_battery(world, robot);
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
                Task::Charge { station } => {
                    let action = self.next_planned(robot, self.berth(station));
                    return (action.unwrap_or(Action::Patrol), false);
                }
            }
        }
        (Action::Patrol, false)
    }

    /// Starts and ends charging.
    fn mind_battery(&mut self, world: &World, robot: usize) {
        let pose = self.courses[robot].expected;
        if let Task::Charge { station } = self.courses[robot].task {
            let arrived = pose.cell() == self.charging.cell(station);
            if arrived && self.charging.is_enough(world, world.robots()[robot].battery) {
                self.courses[robot].take(Task::Undecided(Reason::Start));
            }
            return;
        }
        if let Some(station) = self.charging.due(world, robot, pose, |station| self.is_taken(robot, station)) {
            self.courses[robot].take(Task::Charge { station });
        }
    }

    /// The next action of the plan to `goal`, planned anew if there is none.
    fn next_planned(&mut self, robot: usize, goal: Goal) -> Option<Action> {
        let course = &mut self.courses[robot];
        if course.plan.is_empty() {
            self.graph.plan(course.expected, &[], |pose| goal.is_reached(pose), &mut course.plan);
        }
        course.plan.last().copied()
    }

    /// `robot` must wait for `other`: finds a way for both. May change what both intend, to turns only.
    fn wait(&mut self, world: &World, intents: &mut [Intent], robot: usize, other: usize) {
        self.courses[robot].waited += 1;
        let (mine, theirs) = (self.courses[robot].task, self.courses[other].task);
        let both = [robot, other].iter().all(|robot| self.courses[*robot].may_exchange());
        let faces = meet_head_on(&intents[robot], &intents[other]);
        let idles = matches!(theirs, Task::Undecided(_)) && intents[other].action == Action::Patrol;
        let charges = |task| matches!(task, Task::Charge { .. });
        if both && (faces || idles) && charges(mine) == charges(theirs) {
            self.exchange(robot, other);
            intents[robot] = self.intend(world, robot).standing();
            intents[other] = self.intend(world, other).standing();
        } else if (faces || idles) && charges(mine) && !charges(theirs) && self.courses[other].evasion.is_empty() {
            self.give_way(other, robot);
        } else {
            self.lose_patience(world, robot, other);
        }
    }

    fn exchange(&mut self, a: usize, b: usize) {
        self.strategy.exchange(a, b);
        let (task_a, task_b) = (self.courses[a].task, self.courses[b].task);
        self.courses[a].take(task_b);
        self.courses[b].take(task_a);
    }

    /// `robot` leaves the way of `other` by the shortest way.
    fn give_way(&mut self, robot: usize, other: usize) {
        let route = &self.courses[other];
        let mut kept_free: Vec<usize> = self.path(route.expected, &route.plan).collect();
        kept_free.push(route.expected.cell());
        let occupied = self.occupied_by_others(robot);
        let mut evasion = Vec::new();
        let from = self.courses[robot].expected;
        if self.graph.plan(from, &occupied, |pose| !kept_free.contains(&pose.cell()), &mut evasion) {
            evasion.splice(0..0, [Action::Patrol; COURTESY]);
            self.courses[robot].plan.clear();
            self.courses[robot].evasion = evasion;
        }
    }

    /// Looks for a way around, then for another goal, then moves at random.
    fn lose_patience(&mut self, world: &World, robot: usize, other: usize) {
        let waited = self.courses[robot].waited;
        let task = self.courses[robot].task;
        if waited % PATIENCE[2] == 0 {
            let actions = (0..2 * COURTESY).map(|_| Action::ALL[below(&mut self.rng, 3)]);
            self.courses[robot].evasion = actions.collect();
            self.courses[robot].plan.clear();
        } else if waited % PATIENCE[1] == 0 && matches!(task, Task::Visit(_)) {
            self.courses[robot].take(Task::Undecided(Reason::Unreachable));
        } else if waited % PATIENCE[0] == 0 {
            match task {
                Task::Visit(goal) => self.find_way_around(robot, |pose| goal.is_reached(pose)),
                Task::Charge { .. } => self.find_other_station(world, robot, other),
                Task::Undecided(_) => {}
            }
        }
    }

    fn find_way_around(&mut self, robot: usize, is_goal: impl Fn(Pose) -> bool) {
        let occupied = self.occupied_by_others(robot);
        let mut plan = Vec::new();
        if self.graph.plan(self.courses[robot].expected, &occupied, is_goal, &mut plan) {
            self.courses[robot].plan = plan;
        }
    }

    /// The way to charge is blocked: goes to any station within reach, or else takes over from the robot that charges
    /// there, if that one has more.
    fn find_other_station(&mut self, world: &World, robot: usize, other: usize) {
        let occupied = self.occupied_by_others(robot);
        let stations: Vec<usize> = (0..self.courses.len()).filter(|station| !self.is_taken(robot, *station)).collect();
        let from = self.courses[robot].expected;
        let mut plan = Vec::new();
        let station_at =
            |pose: Pose| stations.iter().copied().find(|station| self.charging.cell(*station) == pose.cell());
        if self.graph.plan(from, &occupied, |pose| station_at(pose).is_some(), &mut plan) {
            let end = plan.iter().rev().fold(from, |pose, action| self.graph.after(pose, *action));
            if let Some(station) = station_at(end) {
                self.courses[robot].take(Task::Charge { station });
                self.courses[robot].plan = plan;
            }
            return;
        }
        let battery = |robot: usize| world.robots()[robot].battery;
        if let Task::Charge { station } = self.courses[other].task
            && battery(other) > battery(robot) + TAKE_OVER
        {
            self.courses[robot].take(Task::Charge { station });
            self.courses[other].take(Task::Undecided(Reason::Start));
            self.next_planned(robot, self.berth(station));
            self.give_way(other, robot);
        }
    }

    fn berth(&self, station: usize) -> Goal {
        Goal { cell: self.charging.cell(station), heading: None, patrol: false }
    }

    /// Whether a team mate of `robot` charges at this station or is on its way there.
    fn is_taken(&self, robot: usize, station: usize) -> bool {
        let mut others = self.courses.iter().enumerate().filter(|(other, _)| *other != robot);
        others.any(|(_, course)| course.task == Task::Charge { station })
    }

    fn commit(&mut self, robot: usize, action: Action, keeps_still: bool) {
        let course = &mut self.courses[robot];
        if keeps_still {
            return;
        }
        course.waited = 0;
        course.expected = self.graph.after(course.expected, action);
        if course.evasion.pop().is_some() || course.plan.pop().is_some() {
            return;
        }
        match course.task {
            Task::Visit(_) => course.take(Task::Undecided(Reason::Done)),
            Task::Undecided(_) => course.task = Task::Undecided(Reason::Done),
            Task::Charge { .. } => {}
        }
    }

    /// Cells that a plan enters, in order.
    fn path<'a>(&'a self, from: Pose, plan: &'a [Action]) -> impl Iterator<Item = usize> + 'a {
        let mut pose = from;
        plan.iter().rev().filter_map(move |action| {
            let before = pose.cell();
            pose = self.graph.after(pose, *action);
            (pose.cell() != before).then_some(pose.cell())
        })
    }

    fn occupied_by_others(&self, robot: usize) -> Vec<usize> {
        let mut cells = Vec::with_capacity(MAX_ROBOTS);
        let others = self.courses.iter().enumerate().filter(|(other, _)| *other != robot);
        cells.extend(others.map(|(_, course)| course.expected.cell()));
        cells
    }
}

impl Course {
    fn new(pose: Pose) -> Self {
        let task = Task::Undecided(Reason::Start);
        Self { task, plan: Vec::new(), evasion: Vec::new(), expected: pose, waited: 0, alive: true }
    }

    fn take(&mut self, task: Task) {
        self.task = task;
        self.plan.clear();
    }

    fn may_exchange(&self) -> bool {
        self.alive && self.evasion.is_empty()
    }
}

impl Goal {
    fn is_reached(&self, pose: Pose) -> bool {
        pose.cell() == self.cell && self.heading.is_none_or(|heading| heading == pose.heading())
    }
}

impl Intent {
    /// The same without moving.
    fn standing(self) -> Self {
        if self.action == Action::Forward { Self { target: self.cell, ..self } } else { self }
    }
}
