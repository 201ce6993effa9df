//! The full state as bytes, for checkpoints: little-endian, in the order of [`World::to_bytes`], closed by a checksum. What
//! follows from the rest (sums, box sums, distances) is not stored but computed again.

use super::bytes::{Reader, Writer, checksum, ensure};
use super::threat::{BLOCKED, CAP, Due, SATURATED};
use super::{Robot, SuspiciousObject, World, trail};
use crate::action::{Action, Heading};
use crate::agents::adviser::Adviser;
use crate::config::WorldConfig;
use crate::error::WorldError;
use crate::map::{Cell, Map};
use crate::rng::{EpisodeKey, Purpose, Stream};
use std::sync::Arc;

/// Names the format and its version: without and with an adviser, and with one that is thorough.
const MAGIC: u64 = u64::from_le_bytes(*b"pworld03");
const MAGIC_ADVISED: u64 = u64::from_le_bytes(*b"pworld04");
const MAGIC_THOROUGH: u64 = u64::from_le_bytes(*b"pworld05");

type Read<T> = Result<T, WorldError>;

impl World {
    /// The full state: a world read back from it continues bit for bit.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u64(match &self.adviser {
            None => MAGIC,
            Some(adviser) if adviser.is_thorough() => MAGIC_THOROUGH,
            Some(_) => MAGIC_ADVISED,
        });
        self.write_identity(&mut out);
        self.write_robots(&mut out);
        self.write_cells(&mut out);
        self.write_tally(&mut out);
        if let Some(homing) = &self.homing {
            homing.write(&mut out);
        }
        if let Some(adviser) = &self.adviser {
            adviser.write(&mut out);
        }
        let mut bytes = out.into_bytes();
        let sum = checksum(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// Reads [`World::to_bytes`] back.
    ///
    /// # Errors
    /// If the bytes do not hold a world of this configuration.
    pub fn from_bytes(config: &WorldConfig, bytes: &[u8]) -> Result<Self, WorldError> {
        Self::from_bytes_and_plan(config, bytes, &[])
    }

    /// What takes the longest to compute again when [`World::to_bytes`] is read, and is no part of it since it follows from
    /// the map: the round of the tour that advises. Empty without an adviser.
    pub fn plan_to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        if let Some(adviser) = &self.adviser {
            adviser.write_plan(&mut out);
        }
        out.into_bytes()
    }

    /// As [`World::from_bytes`], with the plan of the same moment instead of planning anew; an empty one is none.
    ///
    /// # Errors
    /// If the bytes do not hold a world of this configuration, or nobody could do as planned.
    pub fn from_bytes_and_plan(config: &WorldConfig, bytes: &[u8], plan: &[u8]) -> Result<Self, WorldError> {
        config.validate()?;
        let (content, sum) = bytes.split_last_chunk::<8>().ok_or(WorldError::Corrupt("too short"))?;
        ensure(checksum(content) == u64::from_le_bytes(*sum), "the checksum is wrong")?;
        let mut input = Reader::new(content);
        let magic = input.u64()?;
        ensure([MAGIC, MAGIC_ADVISED, MAGIC_THOROUGH].contains(&magic), "not a saved world")?;
        let mut world = read_identity(config, &mut input)?;
        world.read_robots(&mut input)?;
        world.read_cells(&mut input)?;
        world.read_tally(&mut input)?;
        if let Some(homing) = &mut world.homing {
            homing.read(&world.map, &world.robots, world.step, &mut input)?;
        }
        if magic != MAGIC {
            let adviser = Adviser::read(&world, magic == MAGIC_THOROUGH, &mut input, plan)?;
            world.adviser = Some(Box::new(adviser));
            world.ready.advice = true;
        }
        ensure(input.is_at_end(), "too long")?;
        Ok(world)
    }

    fn write_identity(&self, out: &mut Writer) {
        out.u8(self.config.width as u8);
        out.u8(self.config.height as u8);
        out.u8(self.config.num_robots as u8);
        out.bytes(&self.map.packed_obstacles());
        self.map.stations().iter().for_each(|station| out.cell(*station));
        out.u64(self.map_seed);
        out.u64(self.key.run_seed);
        out.u8(self.key.purpose as u8);
        out.u32(self.key.env_index);
        out.u32(self.key.episode);
        out.u32(self.max_steps);
        out.u32(self.step);
        out.u64(self.hash);
        out.u64(self.rng.get_word_pos() as u64);
    }

    fn write_robots(&self, out: &mut Writer) {
        for (robot, trail) in self.robots.iter().zip(&self.trails) {
            out.cell(robot.cell);
            out.u8(robot.heading as u8);
            out.f64(robot.battery);
            out.u8(robot.charging.into());
            out.u8(robot.last_action.map_or(u8::MAX, |action| action as u8));
            trail.cells.iter().for_each(|cell| out.cell(*cell));
            out.u32(trail.count);
        }
        out.u32(self.objects.len() as u32);
        for object in &self.objects {
            out.cell(object.cell);
            out.u32(object.spawned_at);
        }
        out.u32(self.restless.len() as u32);
        self.restless.iter().for_each(|cell| out.cell(*cell));
    }

    fn write_cells(&self, out: &mut Writer) {
        out.u32(self.field.now as u32);
        out.u32(self.field.worst_idleness);
        for index in 0..self.visits.len() {
            out.u32(self.field.origin[index] as u32);
            out.u32(self.field.cleared_at[index]);
            out.u32(self.visits[index]);
        }
        write_schedule(out, self.field.due.len(), self.field.due.iter());
        write_schedule(out, self.field.due_single.len(), self.field.due_single.iter());
    }

    fn write_tally(&self, out: &mut Writer) {
        let tally = &self.tally;
        for value in [tally.episode_return, tally.min_battery] {
            out.f64(value);
        }
        for value in [tally.threat, tally.idleness, tally.first_hash] {
            out.u64(value);
        }
        for value in [tally.full_coverage_at, tally.interferences, tally.objects_spawned] {
            out.u32(value);
        }
        for value in [tally.patrols, tally.moves, tally.turns, tally.charging_events] {
            out.u32(value);
        }
        out.u32(tally.response_times.len() as u32);
        tally.response_times.iter().for_each(|age| out.u32(*age));
    }

    fn read_robots(&mut self, input: &mut Reader) -> Read<()> {
        for index in 0..self.robots.len() {
            let robot = Robot {
                cell: input.cell(&self.map)?,
                heading: Heading::from_index(input.u8()?).ok_or(WorldError::Corrupt("a heading is unknown"))?,
                battery: input.f64()?,
                charging: input.u8()? == 1,
                last_action: Action::from_index(input.u8()?),
            };
            ensure((0.0..=100.0).contains(&robot.battery), "a battery is out of range")?;
            ensure(self.robots[..index].iter().all(|other| other.cell != robot.cell), "two robots share a cell")?;
            self.robots[index] = robot;
            for place in 0..trail::LENGTH {
                self.trails[index].cells[place] = Cell { x: input.u8()?, y: input.u8()? };
            }
            self.trails[index].count = input.u32()?;
        }
        for _ in 0..input.count(self.visits.len())? {
            let object = SuspiciousObject { cell: input.cell(&self.map)?, spawned_at: input.u32()? };
            ensure((1..=self.step).contains(&object.spawned_at), "an object is from the future")?;
            let at = self.field.index(object.cell);
            ensure(self.object_at[at] == 0, "two objects share a cell")?;
            self.object_at[at] = object.spawned_at;
            self.objects.push(object);
        }
        for _ in 0..input.count(self.objects.len())? {
            let cell = input.cell(&self.map)?;
            ensure(self.object_at[self.field.index(cell)] != 0, "an object is missing")?;
            self.restless.push(cell);
        }
        Ok(())
    }

    fn read_cells(&mut self, input: &mut Reader) -> Read<()> {
        let now = input.u32()?;
        ensure(now == self.step || now + 1 == self.step, "the clock is wrong")?;
        self.field.now = now as i32;
        self.field.worst_idleness = input.u32()?;
        for index in 0..self.visits.len() {
            let origin = input.u32()? as i32;
            let growing = (0..CAP).contains(&(now as i32).wrapping_sub(origin));
            let blocked = self.map.obstacles()[index];
            ensure(
                if blocked { origin == BLOCKED } else { growing || origin == SATURATED },
                "a threat is out of range",
            )?;
            let cleared_at = input.u32()?;
            ensure(cleared_at <= now, "a cell was cleared in the future")?;
            self.field.origin[index] = origin;
            self.field.cleared_at[index] = cleared_at;
            self.visits[index] = input.u32()?;
        }
        self.tally.visited = self.visits.iter().filter(|visits| **visits > 0).count() as u32;
        let many = 2 * CAP as usize * self.robots.len();
        for _ in 0..input.count(many)? {
            let due = input.due(&self.map, now)?;
            ensure(self.field.due.back().is_none_or(|last| last.at <= due.at), "a schedule is out of order")?;
            self.field.due.push_back(due);
        }
        for _ in 0..input.count(many)? {
            let due = input.due(&self.map, now)?;
            self.field.due_single.push(due);
        }
        self.field.sum_up(&self.map);
        Ok(())
    }

    fn read_tally(&mut self, input: &mut Reader) -> Read<()> {
        let tally = &mut self.tally;
        tally.episode_return = input.f64()?;
        tally.min_battery = input.f64()?;
        for value in [&mut tally.threat, &mut tally.idleness, &mut tally.first_hash] {
            *value = input.u64()?;
        }
        for value in [&mut tally.full_coverage_at, &mut tally.interferences, &mut tally.objects_spawned] {
            *value = input.u32()?;
        }
        for value in [&mut tally.patrols, &mut tally.moves, &mut tally.turns, &mut tally.charging_events] {
            *value = input.u32()?;
        }
        for _ in 0..input.count(self.step as usize)? {
            tally.response_times.push(input.u32()?);
        }
        Ok(())
    }
}

fn read_identity(config: &WorldConfig, input: &mut Reader) -> Read<World> {
    let sides = (usize::from(input.u8()?), usize::from(input.u8()?), usize::from(input.u8()?));
    ensure(sides == (config.width, config.height, config.num_robots), "another size or number of robots")?;
    let packed = input.bytes((config.width * config.height).div_ceil(8))?;
    let mut stations = Vec::with_capacity(config.num_robots);
    for _ in 0..config.num_robots {
        stations.push(Cell { x: input.u8()?, y: input.u8()? });
    }
    let map = Arc::new(Map::from_packed(config.width, config.height, packed, stations)?);
    let map_seed = input.u64()?;
    let run_seed = input.u64()?;
    let purpose = Purpose::from_index(input.u8()?).ok_or(WorldError::Corrupt("an unknown purpose"))?;
    let key = EpisodeKey { run_seed, purpose, env_index: input.u32()?, episode: input.u32()? };
    let mut world = World::start(Arc::new(config.clone()), map, map_seed, key);
    world.max_steps = input.u32()?;
    world.step = input.u32()?;
    ensure(world.step <= crate::config::MAX_STEPS, "the episode is too long")?;
    world.hash = input.u64()?;
    world.rng = key.rng(Stream::Objects);
    world.rng.set_word_pos(u128::from(input.u64()?));
    Ok(world)
}

fn write_schedule<'a>(out: &mut Writer, count: usize, schedule: impl Iterator<Item = &'a Due>) {
    out.u32(count as u32);
    for Due { at, cell, radius } in schedule {
        out.u32(*at);
        out.cell(*cell);
        out.u8(*radius);
    }
}
