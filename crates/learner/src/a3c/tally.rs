//! What the segments of one update add up to.
use environment::FinishedEpisode;

use super::lane::Lane;
use crate::gae;
use crate::ppo::optimise::Outcome;
use crate::record::{LaneRecord, RolloutRecord};
use crate::report::Timings;
use crate::rollout::collect::LaneTimings;

/// Sums over the segments consumed since the last update's end.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub segments: usize,
    pub robot_steps: u64,
    pub outcome: Outcome,
    pub finished: Vec<FinishedEpisode>,
    pub timings: Timings,
    rewards: f64,
    explained_variance: f64,
    records: Vec<(usize, LaneRecord)>,
}

impl Tally {
    /// Adds a segment after its gradient steps.
    pub fn add(&mut self, lane: &mut Lane, played: LaneTimings, outcome: &Outcome) {
        let rollout = &lane.rollout;
        self.segments += 1;
        self.robot_steps += rollout.actions.len() as u64;
        self.outcome.losses.add(&outcome.losses);
        self.outcome.gradient_norm += outcome.gradient_norm;
        self.outcome.epochs = outcome.epochs;
        self.rewards += rollout.rewards.iter().map(|&reward| f64::from(reward)).sum::<f64>();
        self.explained_variance += gae::explained_variance(&rollout.returns, &rollout.values);
        self.timings.environment += played.environment;
        self.timings.observation += played.observation;
        self.timings.forward += played.forward + outcome.forward;
        self.timings.backward += outcome.backward;
        self.timings.optimiser += outcome.optimiser;
        self.finished.extend_from_slice(&lane.record.finished);
        self.records.push((lane.index, std::mem::take(&mut lane.record)));
    }

    pub fn gradient_norm(&self) -> f64 {
        self.outcome.gradient_norm / self.segments.max(1) as f64
    }

    pub fn explained_variance(&self) -> f64 {
        self.explained_variance / self.segments.max(1) as f64
    }

    pub fn mean_reward(&self) -> f64 {
        self.rewards / self.robot_steps.max(1) as f64
    }

    /// Writes everything recorded and every finished episode to `record`, in the order of lanes, so that rows of an episode stay together.
    pub fn write(&self, record: &mut RolloutRecord) {
        record.clear();
        let lanes = self.records.iter().map(|(lane, _)| lane + 1).max().unwrap_or(0);
        for lane in 0..lanes {
            let turns: Vec<&LaneRecord> =
                self.records.iter().filter(|turn| turn.0 == lane).map(|turn| &turn.1).collect();
            record.append_in_turn(&turns);
        }
    }
}
