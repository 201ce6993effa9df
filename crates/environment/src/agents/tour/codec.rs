//! Who has which place in the timetable, as bytes.

use super::timetable::Appointment;
use super::{Role, Tour};
use crate::error::WorldError;
use crate::world::bytes::{Reader, Writer, ensure};

/// More than any step at which a stop can be due.
const NEVER: u32 = 1 << 24;

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
            ensure(phase < NEVER && due < NEVER && delay.unsigned_abs() < NEVER, "a time is out of range")?;
            *role = Role { phase, next: Appointment { stop, due }, delay: delay.into() };
        }
        Ok(())
    }
}
