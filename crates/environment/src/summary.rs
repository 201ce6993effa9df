//! The metrics of one episode.

use crate::rng::EpisodeKey;

/// What an episode came to. Times are in steps, threat and shares are 0 to 1.
///
/// Idleness follows Machado et al., *Multi-agent patrolling: an empirical analysis of alternative architectures*, 2002:
/// the instantaneous idleness of a cell is the number of steps since it was last cleared.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeSummary {
    /// Names the episode.
    pub key: EpisodeKey,
    /// Reproduces the map, together with the configuration.
    pub map_seed: u64,
    /// Identifies the map.
    pub map_hash: u64,
    /// Length at which this episode is truncated; shorter than configured for a staggered first episode.
    pub max_steps: u32,
    /// Steps played.
    pub length: u32,
    /// Ended because every battery was empty.
    pub terminated: bool,
    /// Ended because of its length.
    pub truncated: bool,
    /// Sum of the rewards (the team's, divided by its size). A training signal, not a figure of merit.
    pub episode_return: f64,
    /// Time average of the mean threat: **the** figure of merit, lower is better.
    pub mean_threat: f64,
    /// Mean threat after the last step.
    pub final_threat: f64,
    /// Average over time and free cells of the idleness.
    pub average_idleness: f64,
    /// Highest idleness of any free cell at any time.
    pub worst_idleness: u32,
    /// Share of the free cells that were cleared at least once.
    pub coverage: f64,
    /// Steps until every free cell was cleared at least once, if that happened.
    pub steps_to_full_coverage: Option<u32>,
    /// Share of the free cells on which a robot has stood.
    pub visited_share: f64,
    /// Moves stopped by another robot.
    pub interferences: u32,
    /// `interferences` per robot and step.
    pub interference_rate: f64,
    /// Suspicious objects that appeared.
    pub objects_spawned: u32,
    /// Suspicious objects that robots removed.
    pub objects_removed: u32,
    /// Median age of objects at their removal (nearest rank); objects still there count with their age at the end.
    pub response_p50: Option<u32>,
    /// 95th percentile of the same ages.
    pub response_p95: Option<u32>,
    /// Patrols of all robots.
    pub patrol_count: u32,
    /// Moves that succeeded, of all robots.
    pub move_count: u32,
    /// Turns of all robots.
    pub turn_count: u32,
    /// Lowest battery of any robot at any time, 0 to 100.
    pub min_battery: f64,
    /// Robots whose battery is empty.
    pub battery_deaths: u32,
    /// Times that a robot began to charge.
    pub charging_events: u32,
    /// State hash after the reset.
    pub first_state_hash: u64,
    /// State hash after the last step.
    pub last_state_hash: u64,
}
