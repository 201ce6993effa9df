//! Random numbers of the learner: ChaCha8 streams keyed by what they are for.
//!
//! A stream is a pure function of (seed, purpose, update, index), so that a checkpoint needs no generator state and
//! the number of threads cannot matter.
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What a stream is used for; part of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    InitialWeights = 1,
    Actions = 2,
    Minibatches = 3,
    Evaluation = 4,
}

/// The generator for one purpose, update and index (environment, robot …).
pub fn stream(seed: u64, purpose: Purpose, update: u64, index: u32) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&update.to_le_bytes());
    key[16..20].copy_from_slice(&index.to_le_bytes());
    key[20] = purpose as u8;
    key[24..].copy_from_slice(b"learner1");
    ChaCha8Rng::from_seed(key)
}

/// Uniform in [0, 1), 24 bits.
#[inline]
pub fn unit(rng: &mut impl Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Fisher–Yates, with Lemire's unbiased bounded integers (ACM TOMACS 2019).
pub fn shuffle(values: &mut [u32], rng: &mut impl Rng) {
    for last in (1..values.len()).rev() {
        values.swap(last, below(rng, last as u32 + 1) as usize);
    }
}

fn below(rng: &mut impl Rng, bound: u32) -> u32 {
    let threshold = bound.wrapping_neg() % bound;
    loop {
        let product = u64::from(rng.next_u32()) * u64::from(bound);
        if product as u32 >= threshold {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_in_every_part_of_their_key() {
        let first = |seed, purpose, update, index| stream(seed, purpose, update, index).next_u64();
        let base = first(1, Purpose::Actions, 2, 3);
        assert_eq!(base, first(1, Purpose::Actions, 2, 3));
        for other in [
            first(2, Purpose::Actions, 2, 3),
            first(1, Purpose::Minibatches, 2, 3),
            first(1, Purpose::Actions, 3, 3),
            first(1, Purpose::Actions, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn a_shuffle_is_a_uniform_permutation() {
        let mut rng = stream(7, Purpose::Minibatches, 0, 0);
        let mut counts = [[0u32; 4]; 4];
        for _ in 0..24_000 {
            let mut values = [0, 1, 2, 3];
            shuffle(&mut values, &mut rng);
            for (place, &value) in values.iter().enumerate() {
                counts[place][value as usize] += 1;
            }
        }
        assert!(counts.iter().flatten().all(|&count| (5_700..6_300).contains(&count)), "{counts:?}");
    }
}
