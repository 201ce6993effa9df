//! Generalised advantage estimation (Schulman et al., 2016, equation 16) with time limits treated as truncation.
//!
//! At a time limit the episode would have gone on: its return is bootstrapped with the value of the last observation
//! (Pardo et al., "Time Limits in Reinforcement Learning", 2018). At a terminal state the value is zero.

/// How a step ended, as far as credit is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// The episode goes on.
    #[default]
    Continues,
    /// A terminal state: no future.
    Terminated,
    /// Cut off by the time limit: the future is the value of the final observation.
    Truncated,
}

/// Some environments' part of a rollout; arrays are (step, environment, robot), `ends` is (step, environment).
pub struct Segment<'a> {
    pub robots: usize,
    pub rewards: &'a [f32],
    pub values: &'a [f32],
    pub ends: &'a [End],
    /// V(final observation) where `ends` is truncated; unread elsewhere.
    pub final_values: &'a [f32],
    /// V of the observation after the last step, (environment, robot).
    pub next_values: &'a [f32],
}

/// Fills `advantages` (Â) and `returns` (Â + V), in the order of the rewards.
///
/// δₜ = rₜ + γ·V(sₜ₊₁) − V(sₜ), Âₜ = δₜ + γλ·Âₜ₊₁; Âₜ₊₁ is 0 across the end of an episode.
pub fn estimate(segment: &Segment, gamma: f32, lambda: f32, advantages: &mut [f32], returns: &mut [f32]) {
    let streams = segment.next_values.len();
    let environments = streams / segment.robots;
    for stream in 0..streams {
        let (mut next_value, mut next_advantage) = (segment.next_values[stream], 0.0);
        for step in (0..segment.rewards.len() / streams).rev() {
            let at = step * streams + stream;
            let end = segment.ends[step * environments + stream / segment.robots];
            if end != End::Continues {
                next_advantage = 0.0;
                next_value = if end == End::Truncated { segment.final_values[at] } else { 0.0 };
            }
            let delta = segment.rewards[at] + gamma * next_value - segment.values[at];
            next_advantage = delta + gamma * lambda * next_advantage;
            next_value = segment.values[at];
            advantages[at] = next_advantage;
            returns[at] = next_advantage + next_value;
        }
    }
}

/// Shifts and scales to mean 0 and variance 1 over the whole rollout.
pub fn normalise(advantages: &mut [f32]) {
    let (mean, variance) = mean_and_variance(advantages);
    let scale = 1.0 / (variance.sqrt() + 1e-8);
    for advantage in advantages {
        *advantage = ((f64::from(*advantage) - mean) * scale) as f32;
    }
}

/// Fraction of the variance of the returns that the values explain: 1 − Var(R − V) / Var(R).
pub fn explained_variance(returns: &[f32], values: &[f32]) -> f64 {
    let residuals: Vec<f32> = returns.iter().zip(values).map(|(r, v)| r - v).collect();
    let variance = mean_and_variance(returns).1;
    if variance > 0.0 { 1.0 - mean_and_variance(&residuals).1 / variance } else { 0.0 }
}

/// Mean and population variance, two passes in index order.
pub fn mean_and_variance(values: &[f32]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
    (mean, variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ends: &[End], final_values: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let segment = Segment {
            robots: 1,
            rewards: &[1.0, 2.0, 3.0],
            values: &[0.5, 1.0, 1.5],
            ends,
            final_values,
            next_values: &[2.0],
        };
        let (mut a, mut r) = (vec![0.0; 3], vec![0.0; 3]);
        estimate(&segment, 0.5, 0.5, &mut a, &mut r);
        (a, r)
    }

    #[test]
    fn by_hand_without_an_end() {
        // δ = [1+.5−.5, 2+.75−1, 3+1−1.5] = [1, 1.75, 2.5]; γλ = .25.
        let (a, r) = run(&[End::Continues; 3], &[0.0; 3]);
        assert_eq!(a, [1.0 + 0.25 * 2.375, 1.75 + 0.25 * 2.5, 2.5]);
        assert_eq!(r, [a[0] + 0.5, a[1] + 1.0, a[2] + 1.5]);
    }

    #[test]
    fn by_hand_with_a_terminal_state() {
        // The second step has no future: δ₁ = 2 − 1.
        let (a, _) = run(&[End::Continues, End::Terminated, End::Continues], &[9.0; 3]);
        assert_eq!(a, [1.0 + 0.25, 1.0, 2.5]);
    }

    #[test]
    fn by_hand_with_a_time_limit() {
        // The second step is bootstrapped with 4, not with the value of the next episode: δ₁ = 2 + 2 − 1.
        let (a, _) = run(&[End::Continues, End::Truncated, End::Continues], &[0.0, 4.0, 0.0]);
        assert_eq!(a, [1.0 + 0.25 * 3.0, 3.0, 2.5]);
    }

    #[test]
    fn robots_do_not_mix() {
        let segment = Segment {
            robots: 2,
            rewards: &[1.0, 10.0, 2.0, 20.0],
            values: &[0.0; 4],
            ends: &[End::Continues; 2],
            final_values: &[0.0; 4],
            next_values: &[0.0, 0.0],
        };
        let (mut a, mut r) = (vec![0.0; 4], vec![0.0; 4]);
        estimate(&segment, 1.0, 1.0, &mut a, &mut r);
        assert_eq!(a, [3.0, 30.0, 2.0, 20.0]);
        assert_eq!(r, a);
    }

    #[test]
    fn environments_end_apart() {
        let segment = Segment {
            robots: 1,
            rewards: &[1.0, 10.0, 2.0, 20.0],
            values: &[0.0; 4],
            ends: &[End::Terminated, End::Continues, End::Continues, End::Continues],
            final_values: &[0.0; 4],
            next_values: &[0.0, 100.0],
        };
        let (mut a, mut r) = (vec![0.0; 4], vec![0.0; 4]);
        estimate(&segment, 1.0, 1.0, &mut a, &mut r);
        assert_eq!(a, [1.0, 130.0, 2.0, 120.0]);
    }

    #[test]
    fn normalised_and_explained() {
        let mut values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(explained_variance(&values, &values), 1.0);
        assert_eq!(explained_variance(&values, &[0.0; 4]), 0.0);
        assert_eq!(explained_variance(&[2.0; 4], &values), 0.0);
        normalise(&mut values);
        let (mean, variance) = mean_and_variance(&values);
        assert!(mean.abs() < 1e-7 && (variance - 1.0).abs() < 1e-6);
    }
}
