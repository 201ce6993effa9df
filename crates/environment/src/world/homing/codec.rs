//! What was planned, as bytes. What follows from it is computed again.

use super::{Homing, Robot};
use crate::action::Action;
use crate::error::WorldError;
use crate::map::Map;
use crate::roads::{Pose, cell_of};
use crate::world::bytes::{Reader, Writer, ensure};

/// More steps than any way can have.
const LONGEST_WAY: usize = 1 << 17;

impl Homing {
    /// Everything that does not follow from the map.
    pub fn write(&self, out: &mut Writer) {
        out.u8(self.unsolved.into());
        out.u32(self.ways.made_at());
        for robot in 0..self.stations.len() {
            out.u8(self.claims[robot]);
            out.u8(self.returning[robot].into());
            out.u8(self.resting[robot].into());
            let way = self.ways.way(robot);
            out.u32(way.len() as u32);
            way.iter().take(1).for_each(|pose| out.u32(u32::from(*pose)));
            way.windows(2).for_each(|step| out.u8(super::ways::action_between(step[0], step[1]) as u8));
        }
    }

    /// Reads [`Homing::write`] back after `now` steps.
    ///
    /// # Errors
    /// If the bytes cannot have been written in this world.
    pub fn read(&mut self, map: &Map, robots: &[Robot], now: u32, input: &mut Reader) -> Result<(), WorldError> {
        self.unsolved = input.u8()? == 1;
        let made_at = input.u32()?;
        ensure(made_at <= now, "a way was planned in the future")?;
        self.ways.start_anew(made_at);
        for (index, robot) in robots.iter().enumerate() {
            let claim = input.u8()?;
            let free = usize::from(claim) < robots.len() && !self.claims[..index].contains(&claim);
            ensure(free, "a station is claimed twice")?;
            self.claims[index] = claim;
            self.returning[index] = input.u8()? == 1;
            self.resting[index] = input.u8()? == 1;
            self.lost[index] = !robot.alive();
            let way = self.read_way(map, input)?;
            self.ways.set(index, way);
        }
        self.ways.close(&self.roads);
        Ok(())
    }

    fn read_way(&self, map: &Map, input: &mut Reader) -> Result<Vec<Pose>, WorldError> {
        let length = input.count(LONGEST_WAY)?;
        let mut way: Vec<Pose> = Vec::new();
        for _ in 0..length {
            let pose = match way.last() {
                None => self.read_pose(map, input)?,
                Some(pose) => {
                    let action = Action::from_index(input.u8()?).ok_or(WorldError::Corrupt("an action is unknown"))?;
                    self.roads.after(*pose, action)
                }
            };
            way.push(pose);
        }
        Ok(way)
    }

    fn read_pose(&self, map: &Map, input: &mut Reader) -> Result<Pose, WorldError> {
        let pose = input.u32()? as usize;
        ensure(pose < self.roads.poses(), "a way starts outside the map")?;
        let pose = pose as Pose;
        ensure(!map.obstacles()[cell_of(pose)], "a way starts in an obstacle")?;
        Ok(pose)
    }
}
