//! The masked categorical distribution over the four actions.
//!
//! Illegal actions have probability zero and take part in nothing (Huang and Ontañón, "A Closer Look at Invalid
//! Action Masking in Policy Gradient Algorithms", 2022).
use crate::kernels::elementary::{exp, ln};
use crate::network::ACTIONS;

/// Probabilities and log-probabilities of the legal actions; zero for the others.
#[derive(Clone, Copy, Debug)]
pub struct Categorical {
    pub probabilities: [f32; ACTIONS],
    pub log_probabilities: [f32; ACTIONS],
}

impl Categorical {
    /// Softmax of `logits` over the actions whose bit is set in `mask`.
    #[inline(always)]
    pub fn new(logits: &[f32], mask: u8) -> Self {
        let legal: [bool; ACTIONS] = std::array::from_fn(|a| mask >> a & 1 == 1);
        let mut highest = f32::NEG_INFINITY;
        for a in 0..ACTIONS {
            highest = if legal[a] && logits[a] > highest { logits[a] } else { highest };
        }
        let shifted: [f32; ACTIONS] = std::array::from_fn(|a| if legal[a] { logits[a] - highest } else { 0.0 });
        let exponentials: [f32; ACTIONS] = std::array::from_fn(|a| if legal[a] { exp(shifted[a]) } else { 0.0 });
        let total = (exponentials[0] + exponentials[1]) + (exponentials[2] + exponentials[3]);
        let log_total = ln(total.max(f32::MIN_POSITIVE));
        Self {
            probabilities: exponentials.map(|e| e / total.max(f32::MIN_POSITIVE)),
            log_probabilities: std::array::from_fn(|a| if legal[a] { shifted[a] - log_total } else { 0.0 }),
        }
    }

    /// H = −Σ p·ln p, in nats.
    #[inline(always)]
    pub fn entropy(&self) -> f32 {
        let (p, l) = (&self.probabilities, &self.log_probabilities);
        -((p[0] * l[0] + p[1] * l[1]) + (p[2] * l[2] + p[3] * l[3]))
    }

    /// The action at `unit` ∈ [0, 1) of the cumulative distribution.
    #[inline(always)]
    pub fn sample(&self, unit: f32) -> u8 {
        let (mut cumulative, mut last_possible) = (0.0, 0);
        for (action, &p) in self.probabilities.iter().enumerate() {
            if p > 0.0 {
                last_possible = action as u8;
                cumulative += p;
                if unit < cumulative {
                    break;
                }
            }
        }
        last_possible
    }

    /// The most probable action; the first of several.
    #[inline(always)]
    pub fn mode(&self) -> u8 {
        let mut best = 0;
        for a in 1..ACTIONS {
            if self.probabilities[a] > self.probabilities[best] {
                best = a;
            }
        }
        best as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_actions_have_no_part() {
        let d = Categorical::new(&[1.0, 50.0, 2.0, 1.0], 0b1101);
        let e = |x: f64| x.exp();
        let total = e(1.0) + e(2.0) + e(1.0);
        for (a, logit) in [(0, 1.0), (2, 2.0), (3, 1.0)] {
            assert!((f64::from(d.probabilities[a]) - e(logit) / total).abs() < 1e-6);
            assert!((f64::from(d.log_probabilities[a]) - (logit - total.ln())).abs() < 1e-6);
        }
        assert_eq!(d.probabilities[1], 0.0);
        assert_eq!(d.mode(), 2);
        assert_eq!([d.sample(0.0), d.sample(0.999_999)], [0, 3]);
        assert!((Categorical::new(&[3.0; 4], 0b1111).entropy() - 4.0_f32.ln()).abs() < 1e-6);
        assert_eq!(Categorical::new(&[3.0; 4], 0b0100).entropy(), 0.0);
    }

    #[test]
    fn samples_follow_the_probabilities() {
        let d = Categorical::new(&[0.0, 1.0, -1.0, 0.5], 0b1111);
        let mut counts = [0; 4];
        for i in 0..100_000 {
            counts[d.sample(i as f32 / 100_000.0) as usize] += 1;
        }
        for (count, p) in counts.iter().zip(d.probabilities) {
            assert!((*count as f32 / 100_000.0 - p).abs() < 1e-4);
        }
    }
}
