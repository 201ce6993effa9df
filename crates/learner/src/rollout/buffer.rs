//! Memory of one rollout, in the order (lane, step, environment, robot).
//!
//! A lane is a few environments that are stepped together, so that their observations at one step lie side by side
//! and go through the network as one batch. Its size depends on the team alone, never on the number of threads.
use crate::gae::End;
use crate::ppo::batch::Batch;

/// Sizes of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolloutShape {
    pub num_envs: usize,
    pub steps: usize,
    pub robots: usize,
    pub observation_len: usize,
}

impl RolloutShape {
    /// Environments of a lane (the last lane may have fewer): about sixteen robots.
    pub fn lane_envs(self) -> usize {
        16_usize.div_ceil(self.robots)
    }
    /// Robot-steps.
    pub fn len(self) -> usize {
        self.num_envs * self.steps * self.robots
    }
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
    /// Where the robot-steps of one environment lie in the columns, in the order (step, robot).
    pub fn environment_rows(self, environment: usize) -> impl Iterator<Item = u32> {
        let lane_start = environment - environment % self.lane_envs();
        let lane_envs = self.lane_envs().min(self.num_envs - lane_start);
        (0..self.steps).flat_map(move |step| {
            let place = lane_start * self.steps + step * lane_envs + (environment - lane_start);
            (place * self.robots..(place + 1) * self.robots).map(|row| row as u32)
        })
    }
}

/// The columns of a rollout.
#[derive(Debug, Default)]
pub struct Rollout {
    pub observations: Vec<f32>,
    pub actions: Vec<u8>,
    pub masks: Vec<u8>,
    pub log_probs: Vec<f32>,
    pub values: Vec<f32>,
    /// Scaled rewards.
    pub rewards: Vec<f32>,
    /// V(final observation) where an episode was truncated.
    pub final_values: Vec<f32>,
    pub advantages: Vec<f32>,
    pub returns: Vec<f32>,
    /// (lane, step, environment).
    pub ends: Vec<End>,
    /// V after the last step, (environment, robot).
    pub next_values: Vec<f32>,
}

/// One lane's part of a [`Rollout`].
pub struct Lane<'a> {
    pub observations: &'a mut [f32],
    pub actions: &'a mut [u8],
    pub masks: &'a mut [u8],
    pub log_probs: &'a mut [f32],
    pub values: &'a mut [f32],
    pub rewards: &'a mut [f32],
    pub final_values: &'a mut [f32],
    pub ends: &'a mut [End],
    pub next_values: &'a mut [f32],
    pub advantages: &'a mut [f32],
    pub returns: &'a mut [f32],
}

impl Rollout {
    /// Makes room for a rollout of this shape; memory is reused.
    pub fn resize(&mut self, shape: RolloutShape) {
        let len = shape.len();
        self.observations.resize(len * shape.observation_len, 0.0);
        for bytes in [&mut self.actions, &mut self.masks] {
            bytes.resize(len, 0);
        }
        let columns = [
            &mut self.log_probs,
            &mut self.values,
            &mut self.rewards,
            &mut self.final_values,
            &mut self.advantages,
            &mut self.returns,
        ];
        for column in columns {
            column.resize(len, 0.0);
        }
        self.ends.resize(shape.num_envs * shape.steps, End::Continues);
        self.next_values.resize(shape.num_envs * shape.robots, 0.0);
    }

    /// The lanes, in order.
    pub fn lanes(&mut self, shape: RolloutShape) -> impl Iterator<Item = Lane<'_>> {
        let rows = shape.lane_envs() * shape.steps * shape.robots;
        let mut observations = self.observations.chunks_mut(rows * shape.observation_len);
        let mut actions = self.actions.chunks_mut(rows);
        let mut masks = self.masks.chunks_mut(rows);
        let mut log_probs = self.log_probs.chunks_mut(rows);
        let mut values = self.values.chunks_mut(rows);
        let mut rewards = self.rewards.chunks_mut(rows);
        let mut final_values = self.final_values.chunks_mut(rows);
        let mut ends = self.ends.chunks_mut(shape.lane_envs() * shape.steps);
        let mut next_values = self.next_values.chunks_mut(shape.lane_envs() * shape.robots);
        let mut advantages = self.advantages.chunks_mut(rows);
        let mut returns = self.returns.chunks_mut(rows);
        std::iter::from_fn(move || {
            Some(Lane {
                observations: observations.next()?,
                actions: actions.next()?,
                masks: masks.next()?,
                log_probs: log_probs.next()?,
                values: values.next()?,
                rewards: rewards.next()?,
                final_values: final_values.next()?,
                ends: ends.next()?,
                next_values: next_values.next()?,
                advantages: advantages.next()?,
                returns: returns.next()?,
            })
        })
    }

    /// What the optimiser reads.
    pub fn batch(&self, observation_len: usize) -> Batch<'_> {
        Batch {
            observations: &self.observations,
            observation_len,
            actions: &self.actions,
            masks: &self.masks,
            log_probs: &self.log_probs,
            values: &self.values,
            advantages: &self.advantages,
            returns: &self.returns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row belongs to one environment, and lies in its lane, at its step, beside its neighbours.
    #[test]
    fn environments_share_out_the_rows() {
        let shape = RolloutShape { num_envs: 20, steps: 3, robots: 2, observation_len: 1 };
        let mut rows: Vec<u32> = (0..20).flat_map(|environment| shape.environment_rows(environment)).collect();
        // Lanes of 8, 8 and 4 environments: the second of the last lane starts after 16·3·2 rows and one environment.
        assert_eq!(rows[17 * 6..18 * 6], [98, 99, 106, 107, 114, 115]);
        rows.sort_unstable();
        assert!(rows.iter().copied().eq(0..120));
    }
}
