//! The optimisation phase of PPO: K epochs of minibatch gradient steps over one rollout
//! (Schulman et al., 2017, algorithm 1, lines 6–7).
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::PpoConfig;
use super::batch::Batch;
use super::loss::{Coefficients, LossSums};
use crate::adam::{Adam, part_per_thread};
use crate::backend::Shard;
use crate::kernels::{Compiled, Kernels};
use crate::network::Network;
use crate::random::{Purpose, shuffle, stream};

/// The network, its optimiser and their working memory.
pub struct Optimiser {
    pub network: Network,
    pub adam: Adam,
    pub(crate) kernels: Kernels,
    shards: Vec<Shard>,
    gradient: Vec<f32>,
    /// Rows of the batch in the order of their use.
    pub(crate) order: Vec<u32>,
}

/// What one optimisation phase did. Losses are means over its last epoch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Sums over the last epoch that was run.
    pub losses: LossSums,
    /// Mean norm of the minibatch gradients before clipping, over all epochs.
    pub gradient_norm: f64,
    pub epochs: usize,
    /// Processor time in forward passes and losses, summed over threads.
    pub forward: Duration,
    /// Processor time in backward passes, summed over threads.
    pub backward: Duration,
    /// Time in summing shards, clipping and Adam.
    pub optimiser: Duration,
}

impl Outcome {
    /// Whether the last epoch ended so far from the policy that acted that no other should follow.
    pub(crate) fn has_strayed(&self, config: &PpoConfig) -> bool {
        let mean_kl = self.losses.approx_kl / self.losses.samples.max(1.0);
        config.target_kl.is_some_and(|target| mean_kl > f64::from(target))
    }
}

/// Where in the run an optimisation phase is: the schedules and the shuffles depend on nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    pub seed: u64,
    /// Updates done before.
    pub update: u64,
    /// Fraction of the steps done.
    pub progress: f64,
}

impl Optimiser {
    pub fn new(network: Network, adam: Adam, kernels: Kernels, gradient_shards: usize) -> Self {
        Self {
            shards: vec![Shard::new(network.shape()); gradient_shards],
            gradient: vec![0.0; network.shape().len()],
            network,
            adam,
            kernels,
            order: Vec::new(),
        }
    }

    /// Improves the network on `batch`, whose advantages must already be normalised.
    pub fn optimise(&mut self, pool: &ThreadPool, config: &PpoConfig, batch: &Batch, at: Position) -> Outcome {
        // On a thread of the pool from the beginning to the end: entering it costs two changes of threads, which a
        // minibatch is too short for.
        pool.install(|| self.optimise_within(pool, config, batch, at))
    }

    fn optimise_within(&mut self, pool: &ThreadPool, config: &PpoConfig, batch: &Batch, at: Position) -> Outcome {
        let mut outcome = Outcome::default();
        let (mut norms, mut minibatches) = (0.0, 0.0);
        for epoch in 0..config.update_epochs {
            self.shuffle(batch.len(), at, epoch);
            outcome.losses = LossSums::default();
            outcome.epochs = epoch + 1;
            for start in (0..batch.len()).step_by(config.minibatch_size) {
                let minibatch = start..batch.len().min(start + config.minibatch_size);
                norms += f64::from(self.step(pool, config, batch, minibatch, at.progress, &mut outcome));
                minibatches += 1.0;
            }
            if outcome.has_strayed(config) {
                break;
            }
        }
        outcome.gradient_norm = norms / f64::max(minibatches, 1.0);
        outcome
    }

    /// One gradient step on the rows at `minibatch` of the order; returns the norm of the gradient.
    pub(crate) fn step(
        &mut self,
        pool: &ThreadPool,
        config: &PpoConfig,
        batch: &Batch,
        minibatch: std::ops::Range<usize>,
        progress: f64,
        outcome: &mut Outcome,
    ) -> f32 {
        let coefficients = Coefficients {
            clip_range: config.clip_range,
            clip_range_value: config.clip_range_value,
            value: config.value_coefficient,
            entropy: config.entropy_coefficient_at(progress),
            scale: 1.0 / minibatch.len() as f32,
        };
        let Self { network, adam, kernels, shards, gradient, order } = self;
        let index = &order[minibatch];
        let part = index.len().div_ceil(shards.len());
        let learning_rate = config.learning_rate_at(progress);
        let (norm, optimiser) = pool.install(|| {
            shards.par_iter_mut().with_max_len(1).enumerate().for_each(|(i, shard)| {
                let index = index.chunks(part).nth(i).unwrap_or_default();
                shard.compute(config.backend, *kernels, network, batch, index, &coefficients);
            });
            let started = Instant::now();
            let part = part_per_thread(gradient.len());
            gradient.par_chunks_mut(part).enumerate().for_each(|(index, sums)| {
                kernels.run(SumInOrder { shards, first: index * part, sums });
            });
            let mut norm = 0.0;
            network.update(|p| norm = adam.step(*kernels, p, gradient, learning_rate, config.max_gradient_norm));
            (norm, started.elapsed())
        });
        for shard in shards.iter_mut() {
            outcome.losses.add(&shard.losses);
            outcome.forward += std::mem::take(&mut shard.forward);
            outcome.backward += std::mem::take(&mut shard.backward);
        }
        outcome.optimiser += optimiser;
        norm
    }

    /// A fresh permutation, a function of seed, update and epoch alone.
    fn shuffle(&mut self, len: usize, at: Position, epoch: usize) {
        self.order.clear();
        self.order.extend(0..len as u32);
        shuffle(&mut self.order, &mut stream(at.seed, Purpose::Minibatches, at.update, epoch as u32));
    }
}

/// gradient = shard₀ + shard₁ + …, in this order whatever the number of threads; block by block, so that sums stay in the
/// first-level cache until they are complete.
struct SumInOrder<'a> {
    shards: &'a [Shard],
    /// The parameters from this one on, as many as there are sums.
    first: usize,
    sums: &'a mut [f32],
}

/// Parameters whose sums are computed together.
const BLOCK: usize = 1024;

impl Compiled for SumInOrder<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (index, sums) in self.sums.chunks_mut(BLOCK).enumerate() {
            sums.fill(0.0);
            for shard in self.shards {
                for (sum, value) in sums.iter_mut().zip(&shard.gradient[self.first + index * BLOCK..]) {
                    *sum += value;
                }
            }
        }
    }
}
