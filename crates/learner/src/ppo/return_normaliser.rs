//! Reward scaling by the running standard deviation of the discounted return
//! (Engstrom et al., "Implementation Matters in Deep RL", 2020; detail 7 of the "37 implementation details").
use crate::gae::{End, mean_and_variance};

/// Keeps the divisor away from zero.
const EPSILON: f64 = 1e-8;

/// Running moments of the discounted return, and each robot's return so far.
#[derive(Clone, Debug, PartialEq)]
pub struct ReturnNormaliser {
    /// Discounted return up to now, `[environment][robot]`.
    pub returns: Vec<f32>,
    pub mean: f64,
    pub variance: f64,
    pub count: f64,
}

impl ReturnNormaliser {
    pub fn new(num_envs: usize, robots: usize) -> Self {
        Self { returns: vec![0.0; num_envs * robots], mean: 0.0, variance: 1.0, count: 0.0 }
    }

    /// Takes in one lane of a rollout (`rewards` is (step, environment, robot), `ends` is (step, environment)) whose
    /// first robot is number `first` of all.
    pub fn observe(&mut self, first: usize, streams: usize, rewards: &[f32], ends: &[End], gamma: f32) {
        let robots = rewards.len() / ends.len().max(1);
        let mut discounted = Vec::with_capacity(rewards.len());
        for (at, reward) in rewards.iter().enumerate() {
            let so_far = &mut self.returns[first + at % streams];
            *so_far = *so_far * gamma + reward;
            discounted.push(*so_far);
            if ends[at / robots] != End::Continues {
                *so_far = 0.0;
            }
        }
        self.combine(&discounted);
    }

    /// One over the standard deviation seen so far.
    pub fn scale(&self) -> f32 {
        (1.0 / (self.variance + EPSILON).sqrt()) as f32
    }

    /// Takes in values; moments are combined by Chan et al. (1979).
    fn combine(&mut self, values: &[f32]) {
        let (mean, variance) = mean_and_variance(values);
        let (count, total) = (values.len() as f64, self.count + values.len() as f64);
        if count == 0.0 {
            return;
        }
        let delta = mean - self.mean;
        let before = if self.count > 0.0 { self.variance * self.count } else { 0.0 };
        self.variance = (before + variance * count + delta * delta * self.count * count / total) / total;
        self.mean += delta * count / total;
        self.count = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rollouts_are_one_long_one() {
        let ends = [End::Continues, End::Truncated, End::Continues, End::Continues];
        let rewards = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let mut normaliser = ReturnNormaliser::new(1, 2);
        normaliser.observe(0, 2, &rewards[..4], &ends[..2], 0.5);
        normaliser.observe(0, 2, &rewards[4..], &ends[2..], 0.5);
        // Discounted returns of the two robots; the second step ends the episode.
        let discounted = [1.0, 2.0, 3.5, 5.0, 5.0, 6.0, 9.5, 11.0];
        let (mean, variance) = mean_and_variance(&discounted);
        assert!((normaliser.mean - mean).abs() < 1e-9 && (normaliser.variance - variance).abs() < 1e-9);
        assert!((f64::from(normaliser.scale()) - 1.0 / variance.sqrt()).abs() < 1e-6);
        assert_eq!(normaliser.returns, [9.5, 11.0]);
    }
}
