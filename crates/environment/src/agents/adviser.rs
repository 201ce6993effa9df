//! The tour as an adviser: what it would do next, whatever the robots then do.

use super::Agent;
use super::pilot::Pilot;
use super::tour::{Tour, Waits};
use crate::action::Action;
use crate::error::WorldError;
use crate::world::World;
use crate::world::bytes::{Reader, Writer, ensure};

/// Advice for all robots of one world.
#[derive(Clone, Debug)]
pub(crate) struct Adviser {
    pilot: Pilot<Tour>,
    /// Since when cells wait, if slack is wanted.
    waits: Option<Waits>,
    /// Per robot, if wanted: steps for which it may still do something else; `None` while it waits for its time.
    slack: Vec<Option<i32>>,
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

    /// Whether the robot must do what it is told: it goes to charge, charges, or gets out of the way of one that does, or, where
    /// slack is kept, has none.
    pub fn insists(&self, robot: usize) -> bool {
        self.pilot.is_ordered(robot) || self.slack(robot).is_some_and(|slack| slack < 0)
    }

    /// Keeps the slack of all robots from now on.
    pub fn keep_slack(&mut self, world: &World) {
        self.waits = Some(Waits::new(self.pilot.strategy(), world));
        self.find_slack(world);
    }

    /// Whether it does so.
    pub fn keeps_slack(&self) -> bool {
        self.waits.is_some()
    }

    fn find_slack(&mut self, world: &World) {
        let Some(waits) = &self.waits else { return };
        let (pilot, now) = (&self.pilot, world.current_step());
        let of =
            |robot| Some(pilot.strategy().slack(waits, world.covered_at(), robot, now + pilot.steps_to_goal(robot)?));
        self.slack.clear();
        self.slack.extend((0..world.num_robots()).map(of));
    }

    /// Steps for which the robot may still do something else, negative if it is late; `None` while it waits for its time or nobody
    /// wants to know.
    pub fn slack(&self, robot: usize) -> Option<i32> {
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

fn tour(thorough: bool) -> Tour {
    if thorough { Tour::thorough() } else { Tour::default() }
}
