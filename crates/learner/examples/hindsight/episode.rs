//! What an episode costs if the robot keeps to an itinerary, from the times at which cells are cleared alone.

use crate::roads::{Pose, Roads};
use environment::{EpisodeKey, Map, Stream, rng};
use rand_core::Rng;

/// Threat at which a cell stays, in hundredths.
const CAP: u32 = 100;
/// Probability .02 that an object appears in a step, of 2^32.
const SPAWN_BELOW: u32 = 85_899_346;
/// Cells around the robot that a patrol clears.
const RADIUS: usize = 2;
/// Removal of an object that still lies there.
const NEVER: u16 = u16::MAX;

/// A pose to go to by a shortest way, and whether to patrol there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    pub pose: Pose,
    pub patrol: bool,
}

/// Where the robot goes, in order. What does not fit into the episode does not count.
#[derive(Clone, Default)]
pub struct Itinerary(pub Vec<Stop>);

/// An object that appears in this cell at this step, unless another one lies there.
#[derive(Clone, Copy)]
pub struct Spawn {
    pub cell: u16,
    step: u32,
}

/// What the robot does not decide.
pub struct Episode {
    pub roads: Roads,
    pub width: usize,
    start: Pose,
    length: u32,
    free: Vec<u16>,
    /// Free cells that a patrol clears, by the cell where the robot stands; none where it cannot stand.
    squares: Vec<Vec<u16>>,
    spawns: Vec<Spawn>,
    /// Indices into `spawns` in order of time, by cell.
    spawns_at: Vec<Vec<u16>>,
    /// `growth[d]`: what a cell adds up in the `d` steps that begin with its clearing, in hundredths.
    growth: Vec<u32>,
}

/// The episode up to some moment.
#[derive(Default)]
pub struct State {
    pub now: u32,
    pose: Pose,
    /// Threat summed over steps and cells, of each cell until it was last cleared, in hundredths.
    cost: u64,
    cleared: Vec<u16>,
    /// When objects were removed, by spawn.
    removed: Vec<u16>,
}

impl Itinerary {
    /// Stops where the robot patrolled or left the shortest way between two patrols.
    pub fn through(episode: &Episode, poses: &[Stop]) -> Self {
        let (mut stops, mut from, mut rest) = (Vec::new(), episode.start, poses);
        while !rest.is_empty() {
            let reached = |count: &usize| is_shortest(&episode.roads, from, &rest[..*count]);
            let count = (1..=rest.len()).take_while(reached).last().unwrap_or(1);
            let stop = rest[count - 1];
            if stop.patrol || stop.pose != from {
                stops.push(stop);
            }
            (from, rest) = (stop.pose, &rest[count..]);
        }
        Self(stops)
    }
}

/// Whether these poses are the shortest way to the last of them, with nothing but a patrol at its end.
fn is_shortest(roads: &Roads, from: Pose, poses: &[Stop]) -> bool {
    let Some((last, before)) = poses.split_last() else { return true };
    let mut pose = from;
    let mut follows = |stop: &Stop| {
        let stays = pose == last.pose;
        pose = if stays { pose } else { roads.next(pose, last.pose).1 };
        pose == stop.pose && (stays == stop.patrol)
    };
    before.iter().all(|stop| follows(stop) && !stop.patrol) && follows(last)
}

impl Episode {
    pub fn new(map: &Map, start: Pose, length: u32, key: EpisodeKey) -> Self {
        let cells = map.width() * map.height();
        let spawns = spawns(map, length, key);
        let mut spawns_at = vec![Vec::new(); cells];
        spawns.iter().enumerate().for_each(|(index, spawn)| spawns_at[usize::from(spawn.cell)].push(index as u16));
        let mut growth = vec![0];
        (0..=length + CAP).for_each(|age| growth.push(growth[age as usize] + age.min(CAP)));
        Self {
            roads: Roads::new(map),
            width: map.width(),
            start,
            length,
            free: (0..cells).filter(|cell| !map.obstacles()[*cell]).map(|cell| cell as u16).collect(),
            squares: (0..cells).map(|cell| square(map, cell)).collect(),
            spawns,
            spawns_at,
            growth,
        }
    }

    pub fn is_over(&self, state: &State) -> bool {
        state.now >= self.length
    }

    pub fn is_free(&self, cell: usize) -> bool {
        self.squares.get(cell).is_some_and(|square| !square.is_empty())
    }

    pub fn beginning(&self) -> State {
        let (cleared, removed) = (vec![0; self.squares.len()], vec![NEVER; self.spawns.len()]);
        State { now: 0, pose: self.start, cost: 0, cleared, removed }
    }

    /// Goes to `stop`, and patrols there if that is wanted.
    pub fn advance(&self, state: &mut State, stop: Stop) {
        while state.pose != stop.pose && !self.is_over(state) {
            let (from, to) = (state.pose, self.roads.next(state.pose, stop.pose).1);
            (state.pose, state.now) = (to, state.now + 1);
            if to / 4 != from / 4 && !self.spawns_at[usize::from(to / 4)].is_empty() {
                self.remove_object(state, to / 4);
            }
        }
        if stop.patrol && !self.is_over(state) {
            state.now += 1;
            for cell in self.squares[usize::from(state.pose / 4)].iter().map(|cell| usize::from(*cell)) {
                state.cost += u64::from(self.since_cleared(state, cell, state.now));
                state.cleared[cell] = state.now as u16;
            }
        }
    }

    /// Threat summed over steps and cells if nothing is cleared any more, in hundredths.
    pub fn cost(&self, state: &State) -> u64 {
        let rest = |cell: &u16| u64::from(self.since_cleared(state, usize::from(*cell), self.length + 1));
        state.cost + self.free.iter().map(rest).sum::<u64>()
    }

    /// Mean threat over free cells and steps, 0 to 1.
    pub fn mean_threat(&self, itinerary: &Itinerary) -> f64 {
        let mut state = self.beginning();
        itinerary.0.iter().for_each(|stop| self.advance(&mut state, *stop));
        self.cost(&state) as f64 / (f64::from(CAP * self.length) * self.free.len() as f64)
    }

    /// Objects that lie there.
    pub fn lying(&self, state: &State) -> Vec<Spawn> {
        let lies = |spawn: &usize| self.appears(state, *spawn) && self.lies(state, *spawn);
        (0..self.spawns.len()).filter(lies).map(|spawn| self.spawns[spawn]).collect()
    }

    fn lies(&self, state: &State, spawn: usize) -> bool {
        self.spawns[spawn].step <= state.now && state.removed[spawn] == NEVER
    }

    /// Whether no other object lies in the cell when this one would appear.
    fn appears(&self, state: &State, spawn: usize) -> bool {
        let Spawn { cell, step } = self.spawns[spawn];
        let earlier = self.spawns_at[usize::from(cell)].iter().map(|other| usize::from(*other));
        earlier.take_while(|other| *other != spawn).all(|other| u32::from(state.removed[other]) < step)
    }

    fn remove_object(&self, state: &mut State, cell: u16) {
        for spawn in self.spawns_at[usize::from(cell)].iter().map(|spawn| usize::from(*spawn)) {
            if self.lies(state, spawn) && self.appears(state, spawn) {
                state.removed[spawn] = state.now as u16;
            }
        }
    }

    /// What a cell adds up from its clearing until the step before `now`.
    fn since_cleared(&self, state: &State, cell: usize, now: u32) -> u32 {
        let cleared = u32::from(state.cleared[cell]);
        if self.spawns_at[cell].is_empty() {
            return self.growth[(now - cleared) as usize];
        }
        let (mut step, mut threat, mut sum) = (cleared, 0, 0);
        for spawn in self.spawns_at[cell].iter().map(|spawn| usize::from(*spawn)) {
            let (spawned, removed) = (self.spawns[spawn].step, u32::from(state.removed[spawn]));
            if spawned + 1 < now && step < removed && self.appears(state, spawn) {
                (threat, sum) = self.grow(threat, sum, spawned.saturating_sub(step));
                step = step.max(spawned);
                let until = removed.min(now - 1);
                (threat, sum) = grow_under_object(threat, sum, step - spawned, until - spawned);
                step = until;
            }
        }
        self.grow(threat, sum, now - 1 - step).1
    }

    /// Threat and its sum after some more steps without an object.
    fn grow(&self, threat: u32, sum: u32, steps: u32) -> (u32, u32) {
        let after = threat + steps;
        (after.min(CAP), sum + self.growth[after as usize + 1] - self.growth[threat as usize + 1])
    }
}

/// The objects of an episode: with probability .02 per step, one in any cell.
fn spawns(map: &Map, length: u32, key: EpisodeKey) -> Vec<Spawn> {
    let mut rng = key.rng(Stream::Objects);
    let appears = |step: u32| {
        let cell = (rng.next_u32() < SPAWN_BELOW).then(|| rng::below(&mut rng, map.obstacles().len()))?;
        (!map.obstacles()[cell]).then_some(Spawn { cell: cell as u16, step })
    };
    (1..=length).filter_map(appears).collect()
}

/// Threat and its sum after an object's age has gone from `age` to `until`: it adds five times its age in each step.
fn grow_under_object(mut threat: u32, mut sum: u32, age: u32, until: u32) -> (u32, u32) {
    for age in age + 1..=until {
        threat = (threat + 1 + 5 * age.min(20)).min(CAP);
        if threat == CAP {
            return (CAP, sum + CAP * (until + 1 - age));
        }
        sum += threat;
    }
    (threat, sum)
}

fn square(map: &Map, cell: usize) -> Vec<u16> {
    if map.obstacles()[cell] {
        return Vec::new();
    }
    let near = |centre: usize, size: usize| centre.saturating_sub(RADIUS)..(centre + RADIUS + 1).min(size);
    let columns = near(cell % map.width(), map.width());
    let cells = near(cell / map.width(), map.height()).flat_map(|y| columns.clone().map(move |x| y * map.width() + x));
    cells.filter(|cell| !map.obstacles()[*cell]).map(|cell| cell as u16).collect()
}

impl Clone for State {
    fn clone(&self) -> Self {
        let mut state = Self::default();
        state.clone_from(self);
        state
    }

    fn clone_from(&mut self, other: &Self) {
        (self.now, self.pose, self.cost) = (other.now, other.pose, other.cost);
        self.cleared.clone_from(&other.cleared);
        self.removed.clone_from(&other.removed);
    }
}
