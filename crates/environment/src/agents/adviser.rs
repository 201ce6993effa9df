//! The tour as an adviser: what it would do next, whatever the robots then do.

use super::Agent;
use super::pilot::Pilot;
use super::tour::Tour;
use crate::action::Action;
use crate::config::MAX_ROBOTS;
use crate::error::WorldError;
use crate::world::World;
use crate::world::bytes::{Reader, Writer};

/// Advice for all robots of one world.
#[derive(Clone, Debug)]
pub(crate) struct Adviser {
    pilot: Pilot<Tour>,
    advice: [Action; MAX_ROBOTS],
}

impl Adviser {
    /// Advice for the world as it is.
    pub fn new(world: &World) -> Self {
        let mut adviser = Self::unprepared(world);
        adviser.advise(world);
        adviser
    }

    fn unprepared(world: &World) -> Self {
        let mut pilot = Pilot::new(Tour::default());
        pilot.reset(world);
        Self { pilot, advice: [Action::Patrol; MAX_ROBOTS] }
    }

    /// What it remembers.
    pub fn write(&self, out: &mut Writer) {
        self.pilot.write(out);
        self.pilot.strategy().write(out);
    }

    /// Reads [`Adviser::write`] back.
    ///
    /// # Errors
    /// If the bytes cannot have been written in this world.
    pub fn read(world: &World, input: &mut Reader) -> Result<Self, WorldError> {
        let mut adviser = Self::unprepared(world);
        adviser.pilot.read(world, input)?;
        adviser.pilot.strategy_mut().read(input)?;
        adviser.pilot.recall(&mut adviser.advice);
        Ok(adviser)
    }

    /// What the tour would do next with this robot.
    pub fn advice(&self, robot: usize) -> Action {
        self.advice[robot]
    }

    /// Whether the robot is on its way to charge or charging, so that it had better do what it is told.
    pub fn insists(&self, robot: usize) -> bool {
        self.pilot.charges(robot)
    }

    /// The robots took these actions, and the world is now as it is.
    pub fn follow(&mut self, world: &World, actions: &[Action]) {
        self.pilot.take_in(actions);
        self.advise(world);
    }

    fn advise(&mut self, world: &World) {
        self.pilot.propose(world, &mut self.advice[..world.num_robots()]);
    }
}
