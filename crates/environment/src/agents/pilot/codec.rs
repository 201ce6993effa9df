//! What a pilot remembers, as bytes. What follows from the map and the world is not stored but computed again.

use super::{Course, Goal, Pilot, Plan, PoseGraph, Reason, Strategy, Task};
use crate::action::{Action, Heading};
use crate::error::WorldError;
use crate::world::World;
use crate::world::bytes::{Reader, Writer, ensure};

/// Largest counter of waiting steps that can be right.
const LONGEST_WAIT: usize = 1 << 14;
/// Actions that an evasion may have beyond the length of any way.
const LONGEST_EVASION: usize = 16;
/// In place of a heading that does not matter.
const ANY_HEADING: u8 = u8::MAX;

impl<S: Strategy> Pilot<S> {
    /// Everything but what the strategy remembers.
    pub fn write(&self, out: &mut Writer) {
        out.u64(self.rng.get_word_pos() as u64);
        self.courses.iter().for_each(|course| course.write(&self.graph, out));
    }

    /// Reads [`Pilot::write`] back into a pilot that was reset in the same world.
    ///
    /// # Errors
    /// If the bytes cannot have been written in this world.
    pub fn read(&mut self, world: &World, input: &mut Reader) -> Result<(), WorldError> {
        self.rng.set_word_pos(u128::from(input.u64()?));
        for (robot, course) in world.robots().iter().zip(&mut self.courses) {
            course.read(&self.graph, world.homing.is_some(), input)?;
            course.alive = robot.alive();
        }
        let lost = self.courses.iter().filter(|course| !course.alive);
        lost.for_each(|course| self.graph.block(course.expected.cell()));
        Ok(())
    }
}

impl Course {
    fn write(&self, graph: &PoseGraph, out: &mut Writer) {
        match self.task {
            Task::Undecided(reason) => out.u8(reason as u8),
            Task::Charge => out.u8(3),
            Task::Visit(goal) => {
                out.u8(4 + u8::from(goal.patrol));
                out.u32(goal.cell as u32);
                out.u8(goal.heading.map_or(ANY_HEADING, |heading| heading as u8));
            }
        }
        let plan = match &self.plan {
            Plan::Undecided => &Vec::new(),
            Plan::Way => &self.way.from(graph, self.expected).collect::<Vec<_>>().into_iter().rev().collect(),
            Plan::Detour(actions) => actions,
        };
        for actions in [plan, &self.evasion] {
            out.u32(actions.len() as u32);
            actions.iter().for_each(|action| out.u8(*action as u8));
        }
        out.u32(u32::from(self.waited));
        out.u32(u32::from(self.stood));
        out.u8(self.proposed as u8);
        out.u8(self.keeps_still.into());
        out.u8(self.ordered.into());
    }

    fn read(&mut self, graph: &PoseGraph, may_charge: bool, input: &mut Reader) -> Result<(), WorldError> {
        self.task = match input.u8()? {
            0 => Task::Undecided(Reason::Start),
            1 => Task::Undecided(Reason::Done),
            2 => Task::Undecided(Reason::Unreachable),
            3 if may_charge => Task::Charge,
            kind @ (4 | 5) => {
                let cell = input.u32()? as usize;
                ensure(cell < graph.cells() && !graph.is_blocked(cell), "a goal is blocked")?;
                let heading = input.u8()?;
                let known = Heading::from_index(heading);
                ensure(known.is_some() || heading == ANY_HEADING, "a heading is unknown")?;
                Task::Visit(Goal { cell, heading: known, patrol: kind == 5 })
            }
            _ => return Err(WorldError::Corrupt("a task is unknown")),
        };
        let mut read_actions = || {
            let count = input.count(4 * graph.cells() + LONGEST_EVASION)?;
            (0..count).map(|_| read_action(input)).collect::<Result<_, _>>()
        };
        (self.plan, self.evasion) = (Plan::of(read_actions()?), read_actions()?);
        for counter in [&mut self.waited, &mut self.stood] {
            *counter = input.count(LONGEST_WAIT)? as u16;
        }
        self.proposed = read_action(input)?;
        self.keeps_still = input.u8()? == 1;
        self.ordered = input.u8()? == 1;
        Ok(())
    }
}

fn read_action(input: &mut Reader) -> Result<Action, WorldError> {
    Action::from_index(input.u8()?).ok_or(WorldError::Corrupt("an action is unknown"))
}
