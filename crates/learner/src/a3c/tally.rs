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

    /// Moves everything recorded and every finished episode to `record`, in the order of lanes, so that rows of an episode
    /// stay together.
    pub fn take_record(&mut self, record: &mut RolloutRecord) {
        record.environments.clear();
        record.finished.clear();
        // Stable: a lane's turns stay in their order.
        self.records.sort_by_key(|(lane, _)| *lane);
        for turns in self.records.chunk_by_mut(|(one, _), (next, _)| one == next) {
            for environment in 0..turns[0].1.environments.len() {
                let turns = turns.iter_mut().map(|(_, turn)| std::mem::take(&mut turn.environments[environment]));
                record.environments.extend(turns);
            }
            turns.iter_mut().for_each(|(_, turn)| record.finished.append(&mut turn.finished));
        }
        self.records.clear();
    }
}
