//! The clipped surrogate objective (Schulman et al., "Proximal Policy Optimization Algorithms", 2017, equations 7
//! and 9) and its derivative with respect to the logits and the value, written out.
use crate::categorical::Categorical;
use crate::network::{ACTIONS, HEADS, VALUE};

/// One robot-step of the rollout, as the objective sees it.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub action: u8,
    /// Legal actions, bit `a` for action `a`.
    pub mask: u8,
    /// ln π_old(a|s).
    pub log_prob: f32,
    /// V_old(s).
    pub value: f32,
    /// Â, normalised.
    pub advantage: f32,
    /// The target of the value.
    pub target: f32,
}

/// The weights of the objective's terms.
#[derive(Clone, Copy, Debug)]
pub struct Coefficients {
    /// ε of the clipped objective.
    pub clip_range: f32,
    /// The same for the value (detail 9 of the "37 implementation details"); none by default.
    pub clip_range_value: Option<f32>,
    /// c₁ of equation 9.
    pub value: f32,
    /// c₂ of equation 9.
    pub entropy: f32,
    /// One over the size of the minibatch: the loss is a mean.
    pub scale: f32,
}

/// Sums over samples, to be divided by `samples`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossSums {
    pub samples: f64,
    pub policy_loss: f64,
    pub value_loss: f64,
    pub entropy: f64,
    /// Schulman's low-variance estimate of KL(π_old‖π): mean of (r − 1) − ln r.
    pub approx_kl: f64,
    /// The plain estimate of the same: mean of −ln r, which may be negative.
    pub old_approx_kl: f64,
    pub clipped: f64,
}

/// The terms of the objective for one sample, and the ratio behind them.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    pub policy: f32,
    pub value: f32,
    pub entropy: f32,
    /// r = π(a|s) / π_old(a|s).
    pub ratio: f32,
    pub log_ratio: f32,
}

impl LossSums {
    /// Adds what one sample has.
    #[inline(always)]
    pub fn count(&mut self, loss: &Loss, clip_range: f32) {
        self.policy_loss += f64::from(loss.policy);
        self.value_loss += f64::from(loss.value);
        self.entropy += f64::from(loss.entropy);
        self.count_ratio(loss.ratio, loss.log_ratio, clip_range);
    }

    /// Adds one sample and what its ratio says, for those that compute the terms of the objective themselves.
    #[inline(always)]
    pub fn count_ratio(&mut self, ratio: f32, log_ratio: f32, clip_range: f32) {
        self.samples += 1.0;
        self.approx_kl += f64::from((ratio - 1.0) - log_ratio);
        self.old_approx_kl -= f64::from(log_ratio);
        self.clipped += f64::from(u8::from((ratio - 1.0).abs() > clip_range));
    }

    pub fn add(&mut self, other: &Self) {
        self.samples += other.samples;
        self.policy_loss += other.policy_loss;
        self.value_loss += other.value_loss;
        self.entropy += other.entropy;
        self.approx_kl += other.approx_kl;
        self.old_approx_kl += other.old_approx_kl;
        self.clipped += other.clipped;
    }
}

/// L = −min(r·Â, clip(r, 1−ε, 1+ε)·Â) + c₁·½(V − R)² − c₂·H for one sample: its terms, and the derivative of `scale`·L with
/// respect to the heads.
///
/// Without branches, so that a loop over samples is vectorised.
#[inline(always)]
pub fn loss_and_derivative(heads: &[f32; HEADS], sample: &Sample, c: &Coefficients) -> (Loss, [f32; HEADS]) {
    let policy = Categorical::new(&heads[..ACTIONS], sample.mask);
    let mut log_prob = policy.log_probabilities[0];
    for a in 1..ACTIONS {
        log_prob = if a == usize::from(sample.action) { policy.log_probabilities[a] } else { log_prob };
    }
    let log_ratio = log_prob - sample.log_prob;
    let ratio = crate::kernels::elementary::exp(log_ratio);
    let surrogate = ratio * sample.advantage;
    let bounded = ratio.max(1.0 - c.clip_range).min(1.0 + c.clip_range) * sample.advantage;
    // dL/d ln π: the clipped branch is constant.
    let d_log_prob = if surrogate <= bounded { -surrogate } else { 0.0 };
    let entropy = policy.entropy();
    let (value, d_value) = value_loss_and_derivative(heads[VALUE], sample, c.clip_range_value);

    let mut derivative = [0.0; HEADS];
    for (a, slot) in derivative[..ACTIONS].iter_mut().enumerate() {
        // d ln π(action)/d zₐ = 1[a = action] − πₐ and dH/d zₐ = −πₐ·(ln πₐ + H); both vanish for illegal actions.
        let p = policy.probabilities[a];
        let d_log_softmax = if a == usize::from(sample.action) { 1.0 - p } else { -p };
        *slot = c.scale * (d_log_prob * d_log_softmax + c.entropy * p * (policy.log_probabilities[a] + entropy));
    }
    derivative[VALUE] = c.scale * c.value * d_value;
    (Loss { policy: -surrogate.min(bounded), value, entropy, ratio, log_ratio }, derivative)
}

/// ½(V − R)², or the larger of that and its version with V clipped to within `clip` of V_old.
#[inline(always)]
fn value_loss_and_derivative(value: f32, sample: &Sample, clip: Option<f32>) -> (f32, f32) {
    let error = value - sample.target;
    let loss = 0.5 * error * error;
    let Some(clip) = clip else { return (loss, error) };
    let change = value - sample.value;
    let clipped_error = sample.value + change.max(-clip).min(clip) - sample.target;
    let clipped_loss = 0.5 * clipped_error * clipped_error;
    if clipped_loss <= loss {
        (loss, error)
    } else {
        (clipped_loss, if change.abs() <= clip { clipped_error } else { 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Coefficients =
        Coefficients { clip_range: 0.2, clip_range_value: None, value: 0.5, entropy: 0.0, scale: 1.0 };

    fn sample(advantage: f32, old_probability: f32) -> Sample {
        Sample { action: 0, mask: 0b1111, log_prob: old_probability.ln(), value: 0.0, advantage, target: 1.0 }
    }

    fn count(sums: &mut LossSums, heads: &[f32; HEADS], sample: &Sample, c: &Coefficients) -> [f32; HEADS] {
        let (loss, derivative) = loss_and_derivative(heads, sample, c);
        sums.count(&loss, c.clip_range);
        derivative
    }

    /// Uniform logits: π = ¼. Ratios are chosen through the old probability.
    #[test]
    fn by_hand_inside_and_outside_of_the_clip() {
        let heads = [0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0];
        for (advantage, ratio, loss, d0) in [
            (1.0, 1.1, -1.1, -1.1 * 0.75),
            (1.0, 1.5, -1.2, 0.0),
            (1.0, 0.5, -0.5, -0.5 * 0.75),
            (-1.0, 1.5, 1.5, 1.5 * 0.75),
            (-1.0, 0.5, 0.8, 0.0),
        ] {
            let mut sums = LossSums::default();
            let d = count(&mut sums, &heads, &sample(advantage, 0.25 / ratio), &PLAIN);
            assert!((sums.policy_loss - loss).abs() < 1e-6, "{advantage} {ratio}: {}", sums.policy_loss);
            assert!((d[0] - d0).abs() < 1e-6 && (d[1] + d0 / 3.0).abs() < 1e-6, "{advantage} {ratio}: {d:?}");
            // Value: ½(3 − 1)² = 2, derivative ½·2 with c₁ = ½.
            assert!((sums.value_loss - 2.0).abs() < 1e-6 && (d[VALUE] - 1.0).abs() < 1e-6);
            assert!((sums.entropy - 4.0_f64.ln()).abs() < 1e-6);
            assert_eq!(sums.clipped, f64::from(u8::from((ratio - 1.0_f32).abs() > 0.2)));
            let kl = f64::from(ratio - 1.0 - ratio.ln());
            assert!((sums.approx_kl - kl).abs() < 1e-6);
        }
    }

    /// Two actions, one twice as probable as it was and one half as probable: −ln 2 and ln 2 cancel each other, 2 − 1 − ln 2
    /// and ½ − 1 + ln 2 do not. A third one, half as probable, leaves ln 2.
    #[test]
    fn the_plain_estimate_of_the_divergence_by_hand() {
        let heads = [0.0; HEADS];
        let mut sums = LossSums::default();
        for ratio in [2.0, 0.5] {
            count(&mut sums, &heads, &sample(1.0, 0.25 / ratio), &PLAIN);
        }
        assert!(sums.old_approx_kl.abs() < 1e-6 && (sums.approx_kl - 0.5).abs() < 1e-6, "{sums:?}");
        count(&mut sums, &heads, &sample(1.0, 0.5), &PLAIN);
        assert!((sums.old_approx_kl - std::f64::consts::LN_2).abs() < 1e-6, "{sums:?}");
    }

    #[test]
    fn derivatives_agree_with_finite_differences() {
        let c = Coefficients { clip_range: 0.2, clip_range_value: Some(0.3), value: 0.7, entropy: 0.05, scale: 0.25 };
        let total = |heads: &[f32; HEADS], s: &Sample| {
            let mut sums = LossSums::default();
            count(&mut sums, heads, s, &c);
            0.25 * (sums.policy_loss + 0.7 * sums.value_loss - 0.05 * sums.entropy)
        };
        for (i, mask) in [0b1111_u8, 0b1011, 0b0110, 0b1110].into_iter().enumerate() {
            let action = mask.trailing_zeros() as u8;
            for advantage in [-1.3, 0.8] {
                let s = Sample { action, mask, log_prob: -1.1, value: 0.4, advantage, target: -0.2 + i as f32 * 0.3 };
                let heads = [0.3, -0.2, 0.5, 0.1, 0.55, 0.0, 0.0, 0.0];
                let d = count(&mut LossSums::default(), &heads, &s, &c);
                for k in 0..=VALUE {
                    let (mut up, mut down) = (heads, heads);
                    up[k] += 1e-2;
                    down[k] -= 1e-2;
                    let numeric = (total(&up, &s) - total(&down, &s)) / f64::from(up[k] - down[k]);
                    assert!((numeric - f64::from(d[k])).abs() < 2e-4, "mask {mask:b}, head {k}: {numeric} {}", d[k]);
                }
            }
        }
    }
}
