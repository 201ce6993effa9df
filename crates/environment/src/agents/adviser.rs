//! The tour as an adviser: what it would do next, whatever the robots then do.

use super::Agent;
use super::pilot::Pilot;
use super::tour::{Tour, Waits};
use crate::action::{Action, ActionMask};
use crate::error::WorldError;
use crate::world::World;
use crate::world::bytes::{Reader, Writer, ensure};

/// Advice for all robots of one world.
#[derive(Clone, Debug)]
pub(crate) struct Adviser {
    pilot: Pilot<Tour>,
    /// Since when cells wait, if slack is wanted.
    waits: Option<Waits>,
    /// Per robot, if wanted: what it has to spare; `None` if there is no way to where it should go.
    slack: Vec<Option<Slack>>,
}

/// What a robot has to spare.
#[derive(Clone, Copy, Debug)]
struct Slack {
    /// Steps for which it may still do something else, negative if it is late.
    steps: i32,
    /// The actions after which it is still in time.
    affordable: ActionMask,
}

/// Steps that an action costs at most: a step ahead takes five to undo.
fn worst_delay(action: Action) -> i32 {
    match action {
        Action::Forward => 6,
        Action::TurnLeft | Action::TurnRight => 2,
        Action::Patrol => 1,
    }
}

impl Adviser {
    /// Advice for the world as it is, of the tour or of a thorough one.
    pub fn new(world: &World, thorough: bool) -> Self {
        let mut pilot = Pilot::new(tour(thorough));
        pilot.reset(world);
        pilot.propose(world);
        Self { pilot, waits: None, slack: Vec::new() }
    }

    /// Whether the tour is a thorough one.
    pub fn is_thorough(&self) -> bool {
        self.pilot.strategy().is_thorough()
    }

    /// The round that it planned for the episode.
    pub fn write_plan(&self, out: &mut Writer) {
        self.pilot.strategy().write_plan(out);
    }

    /// What it remembers.
    pub fn write(&self, out: &mut Writer) {
        self.pilot.write(out);
        self.pilot.strategy().write(out);
    }

    /// Reads [`Adviser::write`] back; plans the round anew unless `plan` holds it.
    ///
    /// # Errors
    /// If the bytes cannot have been written in this world.
    pub fn read(world: &World, thorough: bool, input: &mut Reader, plan: &[u8]) -> Result<Self, WorldError> {
        let mut pilot = Pilot::new(tour(thorough));
        if plan.is_empty() {
            pilot.reset(world);
        } else {
            let mut plan = Reader::new(plan);
            pilot.prepare(world);
            *pilot.strategy_mut() = Tour::planned(world, pilot.graph(), thorough, &mut plan)?;
            ensure(plan.is_at_end(), "the round is too long")?;
        }
        pilot.read(world, input)?;
        pilot.strategy_mut().read(input)?;
        Ok(Self { pilot, waits: None, slack: Vec::new() })
    }

    /// What the tour would do next with this robot.
    pub fn advice(&self, robot: usize) -> Action {
        self.pilot.proposed(robot)
    }

    /// Whether the robot must do what it is told: it goes to charge, charges, or gets out of the way of one that does.
    pub fn insists(&self, robot: usize) -> bool {
        self.pilot.is_ordered(robot)
    }

    /// What else the robot may do: whatever leaves it in time. Everything where no slack is kept.
    pub fn affordable(&self, robot: usize) -> ActionMask {
        self.kept(robot).map_or(ActionMask::ALL, |slack| slack.affordable)
    }

    /// Keeps the slack of all robots from now on.
    pub fn keep_slack(&mut self, world: &World) {
        self.waits = Some(Waits::new(self.pilot.strategy(), world));
        self.find_slack(world);
    }

    fn find_slack(&mut self, world: &World) {
        let Some(waits) = &self.waits else { return };
        self.slack.clear();
        for robot in 0..world.num_robots() {
            let slack = slack_of(&mut self.pilot, waits, world, robot);
            self.pilot.strategy_mut().hurry(robot, slack.is_some_and(|slack| slack.steps <= 0));
            self.slack.push(slack);
        }
    }

    /// Steps for which the robot may still do something else, negative if it is late; `None` if nobody wants to know or there is no way
    /// to where it should go.
    pub fn slack(&self, robot: usize) -> Option<i32> {
        self.kept(robot).map(|slack| slack.steps)
    }

    fn kept(&self, robot: usize) -> Option<Slack> {
        self.slack.get(robot).copied().flatten()
    }

    /// The robots took these actions, and the world is now as it is.
    pub fn follow(&mut self, world: &World, actions: &[Action]) {
        // First, so that what it writes has got to memory when it is read.
        if let Some(waits) = &mut self.waits {
            waits.update(world);
        }
        self.pilot.take_in(actions);
        self.pilot.propose(world);
        self.find_slack(world);
    }
}

/// What a robot has to spare, now that the tour has proposed something to it.
fn slack_of(pilot: &mut Pilot<Tour>, waits: &Waits, world: &World, robot: usize) -> Option<Slack> {
    let goal = pilot.strategy().goal(robot);
    let away = pilot.steps_to(goal, robot)?;
    let steps = pilot.strategy().slack(waits, world.covered_at(), robot, world.current_step() + away);
    let advised = pilot.proposed(robot);
    // Where it should be, any action costs as much as it can; what is advised is allowed without being looked at.
    let mut is_affordable = |action: Action| {
        let delay = |after: u32| after as i32 - away as i32;
        steps >= worst_delay(action)
            || (away > 0
                && action != advised
                && pilot.steps_after(action, goal, robot).is_some_and(|after| delay(after) <= steps))
    };
    let mut affordable = 0;
    if steps >= 0 {
        let actions = Action::ALL.into_iter().filter(|action| is_affordable(*action));
        affordable = actions.fold(0, |mask, action| mask | action.bit());
    }
    Some(Slack { steps, affordable: ActionMask(affordable) })
}

fn tour(thorough: bool) -> Tour {
    if thorough { Tour::thorough() } else { Tour::default() }
}
