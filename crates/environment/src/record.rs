//! What one step of a world tells: reward, end of episode, and what each robot achieved.

use crate::config::MAX_ROBOTS;

/// Most events of one step: one object appears, and per robot one removal, one blocked move, one start or end of
/// charging, and one empty battery.
const MAX_EVENTS: usize = 1 + 4 * MAX_ROBOTS;

/// Filled by [`crate::World::step`] and reused from step to step. Arrays are indexed by robot.
#[derive(Clone, Debug)]
pub struct StepRecord {
    /// Team reward divided by the number of robots.
    pub reward: f64,
    /// Every battery is empty: the episode is over and worth nothing from here on.
    pub terminated: bool,
    /// The episode reached its length: it would have gone on, so its value is bootstrapped.
    pub truncated: bool,
    /// Mean threat over the free cells after the step, 0 to 1.
    pub mean_threat: f64,
    /// Hash of the world after the step; see [`crate::World::state_hash`].
    pub state_hash: u64,
    /// Moves stopped by another robot.
    pub blocked: [bool; MAX_ROBOTS],
    /// Cells whose threat went to zero by the robot's patrol.
    pub cells_cleared: [u16; MAX_ROBOTS],
    /// Threat that the robot's patrol removed, in hundredths.
    pub threat_removed: [u16; MAX_ROBOTS],
    /// Whether the robot removed a suspicious object.
    pub object_removed: [bool; MAX_ROBOTS],
    /// World events, if wanted.
    pub events: EventBuffer,
}

impl StepRecord {
    /// A record that leaves world events out.
    pub fn new() -> Self {
        Self::with_events(false)
    }

    /// A record that collects world events if `wanted`.
    pub fn with_events(wanted: bool) -> Self {
        Self {
            reward: 0.0,
            terminated: false,
            truncated: false,
            mean_threat: 0.0,
            state_hash: 0,
            blocked: [false; MAX_ROBOTS],
            cells_cleared: [0; MAX_ROBOTS],
            threat_removed: [0; MAX_ROBOTS],
            object_removed: [false; MAX_ROBOTS],
            events: EventBuffer { wanted, items: Vec::with_capacity(if wanted { MAX_EVENTS } else { 0 }) },
        }
    }

    /// Whether the episode is over.
    pub fn done(&self) -> bool {
        self.terminated || self.truncated
    }
}

impl Default for StepRecord {
    fn default() -> Self {
        Self::new()
    }
}

/// Events of the last step; at most 41, so it never grows beyond its first allocation.
#[derive(Clone, Debug)]
pub struct EventBuffer {
    wanted: bool,
    items: Vec<WorldEvent>,
}

impl EventBuffer {
    /// The events of the last step, in order of occurrence.
    pub fn as_slice(&self) -> &[WorldEvent] {
        &self.items
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    #[inline]
    pub(crate) fn push(&mut self, event: WorldEvent) {
        if self.wanted {
            self.items.push(event);
        }
    }
}

/// Something that happened in the world beside the robots' actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorldEvent {
    /// What happened.
    pub kind: WorldEventKind,
    /// The robot concerned, if any.
    pub robot: Option<u8>,
    /// Column.
    pub x: u8,
    /// Row.
    pub y: u8,
    /// Age of the removed object in steps, battery in hundredths of a per cent for charging, else 0.
    pub value: u32,
}

/// Kinds of [`WorldEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorldEventKind {
    /// A suspicious object appeared.
    ObjectSpawned,
    /// A robot removed a suspicious object.
    ObjectRemoved,
    /// A robot could not move because of another robot.
    BlockedByRobot,
    /// A robot on a station began to charge.
    ChargingStarted,
    /// A robot left the station or is full.
    ChargingEnded,
    /// A robot stopped for good.
    BatteryEmpty,
}

impl WorldEventKind {
    /// The name used in the archive.
    pub const fn name(self) -> &'static str {
        match self {
            WorldEventKind::ObjectSpawned => "object_spawned",
            WorldEventKind::ObjectRemoved => "object_removed",
            WorldEventKind::BlockedByRobot => "blocked_by_robot",
            WorldEventKind::ChargingStarted => "charging_started",
            WorldEventKind::ChargingEnded => "charging_ended",
            WorldEventKind::BatteryEmpty => "battery_empty",
        }
    }
}
