//! V-trace: targets of values and advantages from experience of an older policy (Espeholt et al., "IMPALA: Scalable
//! Distributed Deep-RL with Importance Weighted Actor-Learner Architectures", 2018, equations 1–4).
//!
//! Episodes end as in [`crate::gae`]: a time limit is bootstrapped, a terminal state is not.
use crate::gae::{End, Segment};
use crate::kernels::elementary::exp;

/// The constants of the correction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VTrace {
    /// Discount γ.
    pub gamma: f32,
    /// λ of remark 2: shortens the traces; 1 is the plain algorithm.
    pub lambda: f32,
    /// ρ̄ truncates the weight of a temporal difference: it decides which policy's value is learned.
    pub rho_bar: f32,
    /// c̄ truncates the traces: it decides how fast, not what, is learned.
    pub c_bar: f32,
}

/// One number per robot-step, in the order of the rewards.
pub struct Corrected<'a> {
    /// q − V(s) with q = r + γ·(V(s′) + λ·(v(s′) − V(s′))): the advantage, which the paper's gradient weights by ρ.
    pub advantages: &'a mut [f32],
    /// v: the targets of the value.
    pub targets: &'a mut [f32],
}

impl VTrace {
    /// Corrects `segment`, whose values are the learner's; `log_ratios` are ln π(a|s) − ln μ(a|s), π the learner's
    /// policy and μ the one that acted.
    ///
    /// δₜ = ρₜ·(rₜ + γ·V(sₜ₊₁) − V(sₜ)), vₜ = V(sₜ) + δₜ + γ·cₜ·(vₜ₊₁ − V(sₜ₊₁)) with cₜ = λ·min(c̄, π/μ).
    /// On-policy this is generalised advantage estimation, and with λ = 1 the n-step return (equation 2).
    pub fn estimate(&self, segment: &Segment, log_ratios: &[f32], corrected: &mut Corrected) {
        let streams = segment.next_values.len();
        let environments = streams / segment.robots;
        for stream in 0..streams {
            // What follows: V(s′), and v(s′) − V(s′).
            let (mut next_value, mut excess) = (segment.next_values[stream], 0.0);
            for step in (0..segment.rewards.len() / streams).rev() {
                let at = step * streams + stream;
                let end = segment.ends[step * environments + stream / segment.robots];
                if end != End::Continues {
                    excess = 0.0;
                    next_value = if end == End::Truncated { segment.final_values[at] } else { 0.0 };
                }
                let (ratio, value) = (exp(log_ratios[at]), segment.values[at]);
                let (rho, c) = (ratio.min(self.rho_bar), self.lambda * ratio.min(self.c_bar));
                let difference = segment.rewards[at] + self.gamma * next_value - value;
                corrected.advantages[at] = difference + self.gamma * self.lambda * excess;
                excess = rho * difference + self.gamma * c * excess;
                corrected.targets[at] = value + excess;
                next_value = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gae;

    const PLAIN: VTrace = VTrace { gamma: 0.5, lambda: 1.0, rho_bar: 1.0, c_bar: 1.0 };
    const GOES_ON: [End; 3] = [End::Continues; 3];

    fn run(constants: VTrace, ends: &[End], ratios: [f32; 3]) -> [Vec<f32>; 2] {
        let segment = Segment {
            robots: 1,
            rewards: &[1.0, 2.0, 3.0],
            values: &[0.5, 1.0, 1.5],
            ends,
            final_values: &[0.0, 4.0, 0.0],
            next_values: &[2.0],
        };
        let [mut advantages, mut targets] = [(); 2].map(|()| vec![0.0; 3]);
        let mut corrected = Corrected { advantages: &mut advantages, targets: &mut targets };
        constants.estimate(&segment, &ratios.map(f32::ln), &mut corrected);
        [advantages, targets]
    }

    fn assert_close(found: &[f32], expected: [f32; 3]) {
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-5), "{found:?}, not {expected:?}");
    }

    #[test]
    fn by_hand_off_policy() {
        // Differences [1, 1.75, 2.5]; ρ = c = [.5, 1, .4], the second truncated.
        let [advantages, targets] = run(PLAIN, &GOES_ON, [0.5, 3.0, 0.4]);
        // v − V: last .4·2.5 = 1; middle 1.75 + .5·1 = 2.25; first .5·1 + .5·.5·2.25 = 1.0625.
        assert_close(&targets, [0.5 + 1.0625, 1.0 + 2.25, 1.5 + 1.0]);
        // r + γ·v(s′) − V.
        assert_close(&advantages, [1.0 + 0.5 * 3.25 - 0.5, 2.0 + 0.5 * 2.5 - 1.0, 3.0 + 0.5 * 2.0 - 1.5]);
    }

    #[test]
    fn the_bounds_are_separate() {
        let [_, targets] = run(VTrace { rho_bar: 2.0, c_bar: 0.5, ..PLAIN }, &GOES_ON, [4.0; 3]);
        // v − V: 2·2.5 = 5; 2·1.75 + .5·.5·5 = 4.75; 2·1 + .5·.5·4.75 = 3.1875.
        assert_close(&targets, [0.5 + 3.1875, 1.0 + 4.75, 1.5 + 5.0]);
    }

    #[test]
    fn by_hand_with_ends() {
        let [advantages, targets] = run(PLAIN, &[End::Continues, End::Terminated, End::Continues], [0.5, 1.0, 1.0]);
        // The second step has no future: v = 2; the first sees it through c = .5.
        assert_close(&targets, [0.5 + 0.5 + 0.5 * 0.5, 2.0, 1.5 + 2.5]);
        assert_close(&advantages, [1.0 + 0.5 * 2.0 - 0.5, 1.0, 2.5]);
        let [advantages, targets] = run(PLAIN, &[End::Continues, End::Truncated, End::Continues], [1.0, 0.5, 1.0]);
        // The second step is bootstrapped with 4: difference 2 + 2 − 1, ρ = .5.
        assert_close(&targets, [0.5 + 1.0 + 0.5 * 1.5, 1.0 + 1.5, 1.5 + 2.5]);
        assert_close(&advantages, [1.0 + 0.5 * 2.5 - 0.5, 3.0, 2.5]);
    }

    #[test]
    fn on_policy_targets_are_n_step_returns() {
        let [_, targets] = run(PLAIN, &GOES_ON, [1.0; 3]);
        let n_step = [1.0 + 0.5 * (2.0 + 0.5 * (3.0 + 0.5 * 2.0)), 2.0 + 0.5 * (3.0 + 0.5 * 2.0), 3.0 + 0.5 * 2.0];
        assert_close(&targets, n_step);
    }

    /// Two environments of two robots that end apart.
    #[test]
    fn on_policy_it_is_generalised_advantage_estimation() {
        let column = |phase: f32| (0..20).map(|i| (i as f32 * 1.7 + phase).sin()).collect::<Vec<f32>>();
        let (rewards, values, final_values) = (column(0.0), column(1.0), column(2.0));
        let mut ends = [End::Continues; 10];
        (ends[2], ends[5]) = (End::Terminated, End::Truncated);
        let segment = Segment {
            robots: 2,
            rewards: &rewards,
            values: &values,
            ends: &ends,
            final_values: &final_values,
            next_values: &[0.1, 0.2, 0.3, 0.4],
        };
        let [mut advantages, mut targets] = [(); 2].map(|()| vec![0.0; 20]);
        let mut corrected = Corrected { advantages: &mut advantages, targets: &mut targets };
        VTrace { gamma: 0.9, lambda: 0.8, ..PLAIN }.estimate(&segment, &[0.0; 20], &mut corrected);
        let (mut expected, mut returns) = (vec![0.0; 20], vec![0.0; 20]);
        gae::estimate(&segment, 0.9, 0.8, &mut expected, &mut returns);
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close(&advantages, &expected) && close(&targets, &returns));
    }
}
