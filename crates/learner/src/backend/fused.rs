//! The gradient by our own kernels: cache-sized chunks go forward, through the loss and backward in one sweep.
use std::time::Instant;

use super::Shard;
use crate::kernels::{Compiled, Kernels};
use crate::network::CHUNK;
use crate::network::{HEADS, Network};
use crate::ppo::batch::Batch;
use crate::ppo::loss::{Coefficients, Loss, LossSums, Sample, loss_and_derivative};

/// Adds the gradient of the samples `index` to `shard`.
pub fn gradient(
    kernels: Kernels,
    network: &Network,
    batch: &Batch,
    index: &[u32],
    coefficients: &Coefficients,
    shard: &mut Shard,
) {
    for index in index.chunks(CHUNK) {
        let started = Instant::now();
        let rows = batch.rows(index);
        network.forward(kernels, rows, &mut shard.activations);
        let (heads, errors) = shard.activations.heads_and_errors();
        kernels.run(Losses { batch, index, coefficients, heads, errors, sums: &mut shard.losses });
        let forward_done = Instant::now();
        network.backward(kernels, rows, &mut shard.activations, &mut shard.gradient);
        shard.forward += forward_done - started;
        shard.backward += forward_done.elapsed();
    }
}

struct Losses<'a> {
    batch: &'a Batch<'a>,
    index: &'a [u32],
    coefficients: &'a Coefficients,
    heads: &'a [f32],
    errors: &'a mut [f32],
    sums: &'a mut LossSums,
}

impl Compiled for Losses<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let outputs = self.heads.as_chunks::<HEADS>().0;
        let errors = self.errors.as_chunks_mut::<HEADS>().0;
        let blocks = self.index.chunks(LANES).zip(outputs.chunks(LANES)).zip(errors.chunks_mut(LANES));
        for ((index, outputs), errors) in blocks {
            let mut samples = SampleLanes::default();
            for (lane, (at, heads)) in index.iter().zip(outputs).enumerate() {
                samples.set(lane, heads, &self.batch.sample(*at));
            }
            let (losses, derivatives) = samples.losses_and_derivatives(self.coefficients);
            for (lane, error) in errors.iter_mut().enumerate() {
                self.sums.count(&losses.get(lane), self.coefficients.clip_range);
                *error = std::array::from_fn(|head| derivatives[head][lane]);
            }
        }
    }
}

/// Samples whose losses are computed together.
const LANES: usize = 16;

/// Samples side by side, so that the compiler computes one in each lane of a vector. Lanes that are not set are legal samples too.
struct SampleLanes {
    heads: [[f32; LANES]; HEADS],
    actions: [u32; LANES],
    masks: [u32; LANES],
    log_probs: [f32; LANES],
    values: [f32; LANES],
    advantages: [f32; LANES],
    targets: [f32; LANES],
}

impl Default for SampleLanes {
    #[inline(always)]
    fn default() -> Self {
        let zero = [0.0; LANES];
        Self {
            heads: [zero; HEADS],
            actions: [0; LANES],
            masks: [1; LANES],
            log_probs: zero,
            values: zero,
            advantages: zero,
            targets: zero,
        }
    }
}

impl SampleLanes {
    #[inline(always)]
    fn set(&mut self, lane: usize, heads: &[f32; HEADS], sample: &Sample) {
        for (lanes, head) in self.heads.iter_mut().zip(heads) {
            lanes[lane] = *head;
        }
        self.actions[lane] = u32::from(sample.action);
        self.masks[lane] = u32::from(sample.mask);
        self.log_probs[lane] = sample.log_prob;
        self.values[lane] = sample.value;
        self.advantages[lane] = sample.advantage;
        self.targets[lane] = sample.target;
    }

    #[inline(always)]
    fn losses_and_derivatives(&self, coefficients: &Coefficients) -> (LossLanes, [[f32; LANES]; HEADS]) {
        let mut losses = LossLanes::default();
        let mut derivatives = [[0.0; LANES]; HEADS];
        for lane in 0..LANES {
            let heads = std::array::from_fn(|head| self.heads[head][lane]);
            let sample = Sample {
                action: self.actions[lane] as u8,
                mask: self.masks[lane] as u8,
                log_prob: self.log_probs[lane],
                value: self.values[lane],
                advantage: self.advantages[lane],
                target: self.targets[lane],
            };
            let (loss, derivative) = loss_and_derivative(&heads, &sample, coefficients);
            losses.set(lane, &loss);
            for (lanes, derivative) in derivatives.iter_mut().zip(derivative) {
                lanes[lane] = derivative;
            }
        }
        (losses, derivatives)
    }
}

#[derive(Default)]
struct LossLanes {
    policy: [f32; LANES],
    value: [f32; LANES],
    entropy: [f32; LANES],
    ratio: [f32; LANES],
    log_ratio: [f32; LANES],
}

impl LossLanes {
    #[inline(always)]
    fn set(&mut self, lane: usize, loss: &Loss) {
        self.policy[lane] = loss.policy;
        self.value[lane] = loss.value;
        self.entropy[lane] = loss.entropy;
        self.ratio[lane] = loss.ratio;
        self.log_ratio[lane] = loss.log_ratio;
    }

    #[inline(always)]
    fn get(&self, lane: usize) -> Loss {
        Loss {
            policy: self.policy[lane],
            value: self.value[lane],
            entropy: self.entropy[lane],
            ratio: self.ratio[lane],
            log_ratio: self.log_ratio[lane],
        }
    }
}
