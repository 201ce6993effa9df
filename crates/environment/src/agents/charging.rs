//! When a robot must charge, and where.

use super::pose_graph::{Pose, PoseGraph, UNREACHABLE};
use crate::action::Heading;
use crate::world::World;

/// Battery kept in reserve on arrival.
const RESERVE: f64 = 2.0;
/// Steps of delay that a robot allows for: alone, and per team mate who may be in its way.
const DELAY: f64 = 4.0;
const DELAY_PER_TEAM_MATE: f64 = 4.0;

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

    /// Cell of a station.
    pub fn cell(&self, station: usize) -> usize {
        self.stations[station].cell
    }

    /// The station that a robot must leave for now, unless its battery can wait. `taken` says which stations others use.
    pub fn due(&self, world: &World, robot: usize, pose: Pose, taken: impl Fn(usize) -> bool) -> Option<usize> {
        let battery = world.robots()[robot].battery;
        let lasts = self.drain * self.remaining(world);
        if self.stations.is_empty() || battery > lasts + RESERVE {
            return None;
        }
        let (distance, station) = self.nearest(pose, taken)?;
        let team_mates = (world.num_robots() - 1) as f64;
        let delay = DELAY + DELAY_PER_TEAM_MATE * team_mates + if team_mates > 0.0 { distance / 2.0 } else { 0.0 };
        (battery <= self.drain * (distance + delay) + RESERVE).then_some(station)
    }

    /// Whether a robot on a station has what it needs: all, or enough to the end of the episode.
    pub fn is_enough(&self, world: &World, battery: f64) -> bool {
        battery >= (self.drain * self.remaining(world) + RESERVE).min(100.0)
    }

    fn remaining(&self, world: &World) -> f64 {
        f64::from(world.max_steps().saturating_sub(world.current_step()))
    }

    /// Steps to the nearest station that is not taken. A way there is a way back walked in reverse, so distances
    /// from the station serve.
    fn nearest(&self, pose: Pose, taken: impl Fn(usize) -> bool) -> Option<(f64, usize)> {
        let free = self.stations.iter().enumerate().filter(|(index, _)| !taken(*index));
        let (distance, station) =
            free.map(|(index, station)| (station.distances[pose.reversed().index()], index)).min()?;
        (distance != UNREACHABLE).then_some((f64::from(distance), station))
    }
}
