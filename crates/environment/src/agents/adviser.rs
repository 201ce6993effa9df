//! The tour as an adviser: what it would do next, whatever the robots then do.

use super::Agent;
use super::pilot::Pilot;
use super::tour::Tour;
use crate::action::Action;
use crate::error::WorldError;
use crate::world::World;
use crate::world::bytes::{Reader, Writer, ensure};

/// Advice for all robots of one world.
#[derive(Clone, Debug)]
pub(crate) struct Adviser(Pilot<Tour>);

impl Adviser {
    /// Advice for the world as it is.
    pub fn new(world: &World) -> Self {
        let mut pilot = Pilot::new(Tour::default());
        pilot.reset(world);
        pilot.propose(world);
        Self(pilot)
    }

    /// The round that it planned for the episode.
    pub fn write_plan(&self, out: &mut Writer) {
        self.0.strategy().write_plan(out);
    }

    /// What it remembers.
    pub fn write(&self, out: &mut Writer) {
        self.0.write(out);
        self.0.strategy().write(out);
    }

    /// Reads [`Adviser::write`] back; plans the round anew unless `plan` holds it.
    ///
    /// # Errors
    /// If the bytes cannot have been written in this world.
    pub fn read(world: &World, input: &mut Reader, plan: &[u8]) -> Result<Self, WorldError> {
        let mut pilot = Pilot::new(Tour::default());
        if plan.is_empty() {
            pilot.reset(world);
        } else {
            let mut plan = Reader::new(plan);
            pilot.prepare(world);
            *pilot.strategy_mut() = Tour::planned(world, pilot.graph(), &mut plan)?;
            ensure(plan.is_at_end(), "the round is too long")?;
        }
        pilot.read(world, input)?;
        pilot.strategy_mut().read(input)?;
        Ok(Self(pilot))
    }

    /// What the tour would do next with this robot.
    pub fn advice(&self, robot: usize) -> Action {
        self.0.proposed(robot)
    }

    /// Whether the robot goes to charge, charges, or gets out of the way of one that does, so that it must do what it is
    /// told.
    pub fn insists(&self, robot: usize) -> bool {
        self.0.is_ordered(robot)
    }

    /// The robots took these actions, and the world is now as it is.
    pub fn follow(&mut self, world: &World, actions: &[Action]) {
        self.0.take_in(actions);
        self.0.propose(world);
    }
}
