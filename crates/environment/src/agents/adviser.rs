//! The tour as an adviser: what it would do next, whatever the robots then do.

use super::Agent;
use super::pilot::Pilot;
use super::tour::Tour;
use crate::action::Action;
use crate::error::WorldError;
use crate::world::World;
use crate::world::bytes::{Reader, Writer};

/// Advice for all robots of one world.
#[derive(Clone, Debug)]
pub(crate) struct Adviser(Pilot<Tour>);

impl Adviser {
    /// Advice for the world as it is.
    pub fn new(world: &World) -> Self {
        let mut adviser = Self::unprepared(world);
        adviser.0.propose(world);
        adviser
    }

    fn unprepared(world: &World) -> Self {
        let mut pilot = Pilot::new(Tour::default());
        pilot.reset(world);
        Self(pilot)
    }

    /// What it remembers.
    pub fn write(&self, out: &mut Writer) {
        self.0.write(out);
        self.0.strategy().write(out);
    }

    /// Reads [`Adviser::write`] back.
    ///
    /// # Errors
    /// If the bytes cannot have been written in this world.
    pub fn read(world: &World, input: &mut Reader) -> Result<Self, WorldError> {
        let mut adviser = Self::unprepared(world);
        adviser.0.read(world, input)?;
        adviser.0.strategy_mut().read(input)?;
        Ok(adviser)
    }

    /// What the tour would do next with this robot.
    pub fn advice(&self, robot: usize) -> Action {
        self.0.proposed(robot)
    }

    /// Whether the robot is on its way to charge or charging, so that it had better do what it is told.
    pub fn insists(&self, robot: usize) -> bool {
        self.0.charges(robot)
    }

    /// The robots took these actions, and the world is now as it is.
    pub fn follow(&mut self, world: &World, actions: &[Action]) {
        self.0.take_in(actions);
        self.0.propose(world);
    }
}
