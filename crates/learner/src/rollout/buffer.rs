//! Memory of one rollout, in the order (lane, step, environment, robot).
//!
//! Environments of equal team size form a group; groups follow one another. A run in one world has one group.
//! A lane is a few environments that are stepped together, so that their observations at one step lie side by side
//! and go through the network as one batch. Its size depends on the team alone, never on the number of threads.
use crate::gae::End;
use crate::ppo::batch::Batch;

/// Sizes of a rollout of environments with equal teams.
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

/// Sizes of one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneShape {
    /// Number of its first environment in the run.
    pub first_env: usize,
    pub envs: usize,
    pub steps: usize,
    pub robots: usize,
    pub observation_len: usize,
}

impl LaneShape {
    /// Robot-steps.
    pub fn len(self) -> usize {
        self.envs * self.steps * self.robots
    }
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// The lanes of all groups, in order.
pub fn lane_shapes(groups: &[RolloutShape]) -> impl Iterator<Item = LaneShape> {
    let firsts = groups.iter().scan(0, |first, group| {
        *first += group.num_envs;
        Some(*first - group.num_envs)
    });
    groups.iter().zip(firsts).flat_map(|(group, first_env)| {
        let RolloutShape { num_envs, steps, robots, observation_len } = *group;
        (0..num_envs).step_by(group.lane_envs()).map(move |start| {
            let envs = group.lane_envs().min(num_envs - start);
            LaneShape { first_env: first_env + start, envs, steps, robots, observation_len }
        })
    })
}

/// What is left of a column when lanes are cut off its front.
pub struct Rest<'a, T>(pub &'a mut [T]);

impl<'a, T> Rest<'a, T> {
    /// The next `count` entries.
    pub fn take(&mut self, count: usize) -> &'a mut [T] {
        let (front, rest) = std::mem::take(&mut self.0).split_at_mut(count);
        self.0 = rest;
        front
    }
}

/// One lane's part of a [`Rollout`].
pub struct Lane<'a> {
    /// Number of its first environment in the run.
    pub first_env: usize,
    /// Robots of each environment.
    pub robots: usize,
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
    /// Makes room for a rollout of these groups; memory is reused.
    pub fn resize(&mut self, groups: &[RolloutShape]) {
        let len: usize = groups.iter().map(|group| group.len()).sum();
        self.observations.resize(groups.iter().map(|group| group.len() * group.observation_len).sum(), 0.0);
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
        self.ends.resize(groups.iter().map(|group| group.num_envs * group.steps).sum(), End::Continues);
        self.next_values.resize(groups.iter().map(|group| group.num_envs * group.robots).sum(), 0.0);
    }

    /// The lanes of all groups, in order.
    pub fn lanes<'a>(&'a mut self, groups: &'a [RolloutShape]) -> impl Iterator<Item = Lane<'a>> {
        let mut observations = Rest(&mut self.observations);
        let mut actions = Rest(&mut self.actions);
        let mut masks = Rest(&mut self.masks);
        let mut log_probs = Rest(&mut self.log_probs);
        let mut values = Rest(&mut self.values);
        let mut rewards = Rest(&mut self.rewards);
        let mut final_values = Rest(&mut self.final_values);
        let mut ends = Rest(&mut self.ends);
        let mut next_values = Rest(&mut self.next_values);
        let mut advantages = Rest(&mut self.advantages);
        let mut returns = Rest(&mut self.returns);
        lane_shapes(groups).map(move |shape| {
            let rows = shape.len();
            Lane {
                first_env: shape.first_env,
                robots: shape.robots,
                observations: observations.take(rows * shape.observation_len),
                actions: actions.take(rows),
                masks: masks.take(rows),
                log_probs: log_probs.take(rows),
                values: values.take(rows),
                rewards: rewards.take(rows),
                final_values: final_values.take(rows),
                ends: ends.take(shape.envs * shape.steps),
                next_values: next_values.take(shape.envs * shape.robots),
                advantages: advantages.take(rows),
                returns: returns.take(rows),
            }
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
