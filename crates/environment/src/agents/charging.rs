//! When a robot must charge, and where.

use super::pose_graph::{Pose, PoseGraph};
use crate::action::Heading;
use crate::world::World;

/// Battery kept in reserve on arrival.
const RESERVE: f64 = 2.0;
/// Steps of delay that a robot allows for: alone, and per team mate who may be in its way.
const DELAY: f64 = 4.0;
const DELAY_PER_TEAM_MATE: f64 = 8.0;

/// The charging stations and the way to them.
#[derive(Clone, Debug, Default)]
pub(super) struct Charging {
    drain: f64,
    stations: Vec<Station>,
}

#[derive(Clone, Debug)]
struct Station {
    cell: usize,
    /// Steps from here, looking anywhere, to every pose.
    distances: Vec<u16>,
}

impl Charging {
    /// Plans for an episode; costs nothing if the batteries outlast it.
    pub fn new(world: &World, graph: &mut PoseGraph) -> Self {
        let drain = world.config().battery_drain_rate;
        if drain * f64::from(world.max_steps()) + RESERVE < 100.0 {
            return Self::default();
        }
        let stations = world.map().stations().iter().map(|cell| {
            let cell = graph.index_of(*cell);
            let mut distances = Vec::new();
            graph.distances(&Heading::ALL.map(|heading| Pose::new(cell, heading)), &mut distances);
            Station { cell, distances }
        });
        Self { drain, stations: stations.collect() }
    }

    /// Whether batteries matter in this episode.
    pub fn is_needed(&self) -> bool {
        !self.stations.is_empty()
    }

    /// Cell of a station.
    pub fn cell(&self, station: usize) -> usize {
        self.stations[station].cell
    }

    /// Battery to spare if the robot leaves for the station now and is delayed as far as one allows for: it must leave
    /// when this is no longer positive. Infinite if the battery outlasts the episode. A way from the station is a way
    /// there walked in reverse, so the station's distances serve.
    pub fn slack(&self, world: &World, robot: usize, pose: Pose, station: usize) -> f64 {
        let battery = world.robots()[robot].battery;
        if battery > self.drain * self.remaining(world) + RESERVE {
            return f64::INFINITY;
        }
        let distance = f64::from(self.stations[station].distances[pose.reversed().index()]);
        let team_mates = (world.num_robots() - 1) as f64;
        let detour = if team_mates > 0.0 { distance / 2.0 } else { 0.0 };
        battery - self.drain * (distance + detour + DELAY + DELAY_PER_TEAM_MATE * team_mates) - RESERVE
    }

    /// Whether a robot on a station has what it needs: all, or enough to the end of the episode.
    pub fn is_enough(&self, world: &World, battery: f64) -> bool {
        battery >= (self.drain * self.remaining(world) + RESERVE).min(100.0)
    }

    /// Whether this battery lasts for so many steps.
    pub fn lasts(&self, battery: f64, steps: usize) -> bool {
        battery > self.drain * steps as f64 + RESERVE
    }

    fn remaining(&self, world: &World) -> f64 {
        f64::from(world.max_steps().saturating_sub(world.current_step()))
    }
}
