//! Who has which place in the timetable, and the round itself, as bytes.

use super::cycle::Cycle;
use super::timetable::Appointment;
use super::{Role, Tour};
use crate::agents::pose_graph::{Pose, PoseGraph};
use crate::config::PatrolMode;
use crate::error::WorldError;
use crate::world::World;
use crate::world::bytes::{Reader, Writer, ensure};

/// More than any step at which a stop can be due.
const NEVER: u32 = 1 << 24;
/// Steps per cell that no round takes.
const LONGEST_ROUND: u32 = 256;

impl Tour {
    pub fn write(&self, out: &mut Writer) {
        for role in &self.roles {
            out.u32(role.phase);
            out.u32(role.next.stop as u32);
            out.u32(role.next.due);
            out.u32(role.delay as i32 as u32);
        }
    }

    /// Reads [`Tour::write`] back into a tour of the same map.
    ///
    /// # Errors
    /// If there is no such stop or time.
    pub fn read(&mut self, input: &mut Reader) -> Result<(), WorldError> {
        for role in &mut self.roles {
            let (phase, stop, due) = (input.u32()?, input.u32()? as usize, input.u32()?);
            let delay = input.u32()? as i32;
            ensure(stop < self.cycle.stops.len(), "there is no such stop")?;
            ensure(phase < self.cycle.period && due < NEVER && delay.unsigned_abs() < NEVER, "a time is out of range")?;
            *role = Role { phase, next: Appointment { stop, due }, delay: delay.into(), hurries: false };
        }
        Ok(())
    }

    /// The round, which follows from the map: for whoever reads the rest and need not plan it anew then.
    pub fn write_plan(&self, out: &mut Writer) {
        let Cycle { stops, offsets, period } = &self.cycle;
        out.u32(stops.len() as u32);
        out.u32(*period);
        for (stop, offset) in stops.iter().zip(offsets) {
            out.u32(stop.index() as u32);
            out.u32(*offset);
        }
    }

    /// A tour along a round that [`Tour::write_plan`] wrote in a world of the same map; [`Tour::read`] has to follow.
    ///
    /// # Errors
    /// If nobody could go round like that.
    pub fn planned(world: &World, graph: &PoseGraph, thorough: bool, input: &mut Reader) -> Result<Self, WorldError> {
        let poses = 4 * graph.cells();
        let count = input.count(poses)?;
        let period = input.u32()?;
        let longest = LONGEST_ROUND * graph.cells() as u32;
        ensure(count > 0 && (1..longest).contains(&period), "there is no such round")?;
        let mut cycle = Cycle { stops: Vec::with_capacity(count), offsets: Vec::with_capacity(count), period };
        for _ in 0..count {
            let (index, offset) = (input.u32()? as usize, input.u32()?);
            ensure(index < poses && !graph.is_blocked(index / 4), "a stop is nowhere")?;
            let after = cycle.offsets.last().copied().unwrap_or(0);
            ensure((after..period).contains(&offset), "a stop is at no time of the round")?;
            cycle.stops.push(Pose::at(index));
            cycle.offsets.push(offset);
        }
        let stop = u32::from(world.config().patrol_mode == PatrolMode::OnAction);
        Ok(Self { cycle, roles: vec![Role::default(); world.num_robots()], stop, thorough, ..Self::default() })
    }
}
