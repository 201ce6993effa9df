//! What a rollout looked like, for an archive: columns of steps, finished episodes and world events.
//!
//! Buffers are reused from rollout to rollout; without a record no step is written.
use std::ops::Range;

use environment::{Environment, FinishedEpisode, StepRecord, WorldEvent};

use crate::rollout::buffer::Lane;

macro_rules! columns {
    ($(#[$meta:meta])* $name:ident of $row:ident { $($(#[$doc:meta])* $column:ident: $type:ty,)* }) => {
        /// One row of the columns of the same names.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct $row { $($(#[$doc])* pub $column: $type,)* }

        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name { $($(#[$doc])* pub $column: Vec<$type>,)* }

        impl $name {
            /// Empties all columns, keeping their memory.
            pub fn clear(&mut self) {
                $(self.$column.clear();)*
            }
            #[inline]
            pub fn push(&mut self, row: $row) {
                $(self.$column.push(row.$column);)*
            }
            /// Appends the rows of another.
            pub fn append(&mut self, other: &Self) {
                $(self.$column.extend_from_slice(&other.$column);)*
            }
        }
    };
}

columns! {
    /// Robot-steps, one vector per column; rows are in the order (environment, step, robot), so that those of one
    /// episode are contiguous. Positions and batteries are those *before* the action, results those after it.
    StepColumns of StepRow {
        /// Episode of the run: `episode in environment × environments + environment`.
        episode_index: u64,
        /// Step of the episode, from 0.
        step: u32,
        robot: u8,
        x: u8,
        y: u8,
        /// 0 north, 1 east, 2 south, 3 west.
        heading: u8,
        action: u8,
        /// Legal actions, bit `a` for action `a`.
        action_mask: u8,
        /// ln π(action), nats.
        log_prob: f32,
        /// V(observation), in scaled reward.
        value: f32,
        /// The environment's reward, unscaled.
        reward: f32,
        /// Per cent.
        battery: f32,
        charging: bool,
        /// Stopped by a wall, an obstacle or a robot.
        blocked: bool,
        cells_cleared: u16,
        /// Threat taken away, in cells.
        threat_removed: f32,
        /// Mean threat of the free cells after the step.
        team_mean_threat: f32,
        is_first: bool,
        is_last: bool,
        /// The episode ended in a terminal state (not at a time limit).
        is_terminal: bool,
        /// Of the world after the step.
        state_hash: u64,
    }
}

impl StepColumns {
    pub fn len(&self) -> usize {
        self.step.len()
    }
    pub fn is_empty(&self) -> bool {
        self.step.is_empty()
    }
}

/// Something that happened in a world, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventRow {
    pub episode_index: u64,
    /// Step of the episode, from 0.
    pub step: u32,
    pub event: WorldEvent,
}

/// Everything of one rollout; pass the same one to every update.
#[derive(Clone, Debug, Default)]
pub struct RolloutRecord {
    pub steps: StepColumns,
    /// In the order of (environment, step).
    pub events: Vec<EventRow>,
    /// Episodes that ended in this rollout, with their summaries and maps.
    pub finished: Vec<FinishedEpisode>,
}

impl RolloutRecord {
    pub(crate) fn clear(&mut self) {
        self.steps.clear();
        self.events.clear();
        self.finished.clear();
    }

    /// Appends a lane, environment by environment.
    pub(crate) fn append(&mut self, lane: &LaneRecord) {
        self.append_in_turn(&[lane]);
    }

    /// Appends what one lane played in several turns, environment by environment.
    pub(crate) fn append_in_turn(&mut self, turns: &[&LaneRecord]) {
        for environment in 0..turns.first().map_or(0, |turn| turn.environments.len()) {
            for turn in turns {
                self.steps.append(&turn.environments[environment].steps);
                self.events.extend_from_slice(&turn.environments[environment].events);
            }
        }
        turns.iter().for_each(|turn| self.finished.extend_from_slice(&turn.finished));
    }
}

/// What one lane recorded, each environment by itself.
#[derive(Debug, Default)]
pub struct LaneRecord {
    environments: Vec<EnvironmentRecord>,
    pub finished: Vec<FinishedEpisode>,
}

#[derive(Debug, Default)]
struct EnvironmentRecord {
    steps: StepColumns,
    events: Vec<EventRow>,
}

impl LaneRecord {
    pub(crate) fn begin(&mut self, environments: usize, recording: bool) {
        self.finished.clear();
        self.environments.resize_with(if recording { environments } else { 0 }, EnvironmentRecord::default);
        for environment in &mut self.environments {
            environment.steps.clear();
            environment.events.clear();
        }
    }

    /// Opens the rows of one environment's step: where the robots are and what they are about to do.
    pub(crate) fn before(&mut self, at: usize, environment: &Environment, lane: &Lane, rows: Range<usize>) {
        let world = environment.world();
        let steps = &mut self.environments[at].steps;
        for (robot, row) in rows.enumerate() {
            let state = world.robots()[robot];
            steps.push(StepRow {
                episode_index: environment.episode_index(),
                step: world.current_step(),
                robot: robot as u8,
                x: state.cell.x,
                y: state.cell.y,
                heading: state.heading as u8,
                action: lane.actions[row],
                action_mask: lane.masks[row],
                log_prob: lane.log_probs[row],
                value: lane.values[row],
                battery: state.battery as f32,
                charging: state.charging,
                is_first: world.current_step() == 0,
                ..StepRow::default()
            });
        }
    }

    /// Completes those rows with what came of it.
    pub(crate) fn after(&mut self, at: usize, environment: &Environment, outcome: &StepRecord) {
        let EnvironmentRecord { steps, events } = &mut self.environments[at];
        let robots = environment.world().num_robots();
        let first = steps.len() - robots;
        for robot in 0..robots {
            steps.reward[first + robot] = outcome.reward as f32;
            steps.blocked[first + robot] = outcome.blocked[robot];
            steps.cells_cleared[first + robot] = outcome.cells_cleared[robot];
            steps.threat_removed[first + robot] = f32::from(outcome.threat_removed[robot]) * 0.01;
            steps.team_mean_threat[first + robot] = outcome.mean_threat as f32;
            steps.is_last[first + robot] = outcome.done();
            steps.is_terminal[first + robot] = outcome.terminated;
            steps.state_hash[first + robot] = outcome.state_hash;
        }
        let (episode_index, step) = (environment.episode_index(), steps.step[first]);
        events.extend(outcome.events.as_slice().iter().map(|&event| EventRow { episode_index, step, event }));
    }
}
