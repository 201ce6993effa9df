//! Running sums from which the metrics of an episode are made.

use super::World;
use crate::summary::EpisodeSummary;

/// Sums over the episode so far.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tally {
    pub episode_return: f64,
    /// Sum over steps of the total threat in hundredths.
    pub threat: u64,
    /// Sum over steps of the sum over cells of the idleness.
    pub idleness: u64,
    /// 0 until every free cell was cleared.
    pub full_coverage_at: u32,
    pub visited: u32,
    pub interferences: u32,
    pub objects_spawned: u32,
    pub patrols: u32,
    pub moves: u32,
    pub turns: u32,
    pub charging_events: u32,
    pub min_battery: f64,
    pub first_hash: u64,
    /// Ages of the removed objects.
    pub response_times: Vec<u32>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            episode_return: 0.0,
            threat: 0,
            idleness: 0,
            full_coverage_at: 0,
            visited: 0,
            interferences: 0,
            objects_spawned: 0,
            patrols: 0,
            moves: 0,
            turns: 0,
            charging_events: 0,
            min_battery: 100.0,
            first_hash: 0,
            response_times: Vec::new(),
        }
    }
}

impl World {
    /// The metrics of the episode so far.
    pub fn episode_summary(&self) -> EpisodeSummary {
        let tally = &self.tally;
        let free = self.map.free_cells() as f64;
        let steps = f64::from(self.step.max(1));
        let mut responses = tally.response_times.clone();
        responses.extend(self.objects.iter().map(|object| self.step - object.spawned_at));
        responses.sort_unstable();
        EpisodeSummary {
            key: self.key,
            map_seed: self.map_seed,
            map_hash: self.map.map_hash(),
            max_steps: self.max_steps,
            length: self.step,
            terminated: self.terminated(),
            truncated: self.truncated(),
            episode_return: tally.episode_return,
            mean_threat: tally.threat as f64 / (100.0 * free * steps),
            final_threat: self.mean_threat(),
            average_idleness: tally.idleness as f64 / (free * steps),
            worst_idleness: self.worst_idleness(),
            coverage: self.coverage(),
            steps_to_full_coverage: (tally.full_coverage_at > 0).then_some(tally.full_coverage_at),
            visited_share: f64::from(tally.visited) / free,
            interferences: tally.interferences,
            interference_rate: f64::from(tally.interferences) / (steps * self.robots.len() as f64),
            objects_spawned: tally.objects_spawned,
            objects_removed: tally.response_times.len() as u32,
            response_p50: nearest_rank(&responses, 0.50),
            response_p95: nearest_rank(&responses, 0.95),
            patrol_count: tally.patrols,
            move_count: tally.moves,
            turn_count: tally.turns,
            min_battery: tally.min_battery,
            battery_deaths: self.robots.iter().filter(|robot| !robot.alive()).count() as u32,
            charging_events: tally.charging_events,
            first_state_hash: tally.first_hash,
            last_state_hash: self.hash,
        }
    }

    /// The longest idleness so far: of cells still waiting, or ended by a patrol.
    fn worst_idleness(&self) -> u32 {
        let free = self.map.obstacles().iter().zip(&self.field.cleared_at).filter(|(blocked, _)| !**blocked);
        let longest = free.map(|(_, cleared_at)| self.field.now as u32 - cleared_at).max().unwrap_or(0);
        longest.max(self.field.worst_idleness)
    }
}

/// The smallest value that at least `share` of the ascending values do not exceed.
fn nearest_rank(ascending: &[u32], share: f64) -> Option<u32> {
    let rank = (share * ascending.len() as f64).ceil() as usize;
    ascending.get(rank.max(1) - 1).copied()
}
