//! What a rollout looked like, for an archive: steps, finished episodes and world events.
//!
//! An actor writes whole rows, one cache line each; whoever wants columns makes them later and elsewhere, so that training
//! waits for neither. Buffers change hands and are reused from rollout to rollout; without a record no step is written.
use environment::{Action, FinishedEpisode, StepRecord, World, WorldEvent};

macro_rules! columns {
    ($(#[$meta:meta])* $name:ident of $row:ident { $($(#[$doc:meta])* $column:ident: $type:ty,)* }) => {
        /// One row of the columns of the same names.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct $row { $($(#[$doc])* pub $column: $type,)* }

        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name { $($(#[$doc])* pub $column: Vec<$type>,)* }

        impl $name {
            /// Appends rows, column by column.
            fn append(&mut self, rows: &[$row]) {
                $(self.$column.extend(rows.iter().map(|row| row.$column));)*
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

/// Consecutive steps of one environment.
#[derive(Clone, Debug, Default)]
pub struct EnvironmentRecord {
    /// In the order (step, robot).
    pub steps: Vec<StepRow>,
    pub events: Vec<EventRow>,
}

/// Everything of one rollout; pass the same one to every update.
#[derive(Clone, Debug, Default)]
pub struct RolloutRecord {
    /// One environment after the other; where one was played in several turns, these follow each other.
    pub environments: Vec<EnvironmentRecord>,
    /// Episodes that ended in this rollout, with their summaries and maps.
    pub finished: Vec<FinishedEpisode>,
    /// Only `finished` is wanted.
    pub without_steps: bool,
}

impl RolloutRecord {
    /// All steps as columns.
    pub fn columns(&self) -> StepColumns {
        let mut columns = StepColumns::default();
        self.environments.iter().for_each(|environment| columns.append(&environment.steps));
        columns
    }

    /// All world events, in the order of (environment, step).
    pub fn events(&self) -> impl Iterator<Item = &EventRow> {
        self.environments.iter().flat_map(|environment| &environment.events)
    }

    /// Takes what the lanes recorded and leaves them its own memory to write into.
    pub(crate) fn take<'a>(&mut self, lanes: impl Iterator<Item = &'a mut LaneRecord>) {
        let mut used = std::mem::take(&mut self.environments).into_iter();
        self.finished.clear();
        for lane in lanes {
            self.finished.append(&mut lane.finished);
            for environment in &mut lane.environments {
                self.environments.push(std::mem::replace(environment, used.next().unwrap_or_default()));
            }
        }
    }
}

/// What one lane recorded, each environment by itself.
#[derive(Debug, Default)]
pub struct LaneRecord {
    pub(crate) environments: Vec<EnvironmentRecord>,
    pub finished: Vec<FinishedEpisode>,
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
}

impl EnvironmentRecord {
    /// Opens the row of one robot: where it is and what it is about to do.
    pub fn before(&mut self, episode_index: u64, world: &World, robot: usize, choice: Choice) {
        let state = world.robots()[robot];
        self.steps.push(StepRow {
            episode_index,
            step: world.current_step(),
            robot: robot as u8,
            x: state.cell.x,
            y: state.cell.y,
            heading: state.heading as u8,
            action: choice.action as u8,
            action_mask: choice.action_mask,
            log_prob: choice.log_prob,
            value: choice.value,
            battery: state.battery as f32,
            charging: state.charging,
            is_first: world.current_step() == 0,
            ..StepRow::default()
        });
    }

    /// Completes the team's rows with what came of them.
    pub fn after(&mut self, robots: usize, outcome: &StepRecord) {
        let opened = self.steps.len().saturating_sub(robots);
        for (robot, row) in self.steps[opened..].iter_mut().enumerate() {
            row.reward = outcome.reward as f32;
            row.blocked = outcome.blocked[robot];
            row.cells_cleared = outcome.cells_cleared[robot];
            row.threat_removed = f32::from(outcome.threat_removed[robot]) * 0.01;
            row.team_mean_threat = outcome.mean_threat as f32;
            row.is_last = outcome.done();
            row.is_terminal = outcome.terminated;
            row.state_hash = outcome.state_hash;
        }
        let Some(&StepRow { episode_index, step, .. }) = self.steps.last() else { return };
        self.events.extend(outcome.events.as_slice().iter().map(|&event| EventRow { episode_index, step, event }));
    }
}

/// What a robot chose, and what was estimated when it did.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    pub action: Action,
    /// Legal actions, bit `a` for action `a`.
    pub action_mask: u8,
    /// ln π(action), nats; 0 where nothing estimates it, like the value.
    pub log_prob: f32,
    /// V(observation), in scaled reward.
    pub value: f32,
}
