//! The gradient by our own kernels: cache-sized chunks go forward, through the loss and backward in one sweep.
use std::time::Instant;

use super::Shard;
use crate::kernels::{Compiled, Kernels};
use crate::network::CHUNK;
use crate::network::{HEADS, Network};
use crate::ppo::batch::Batch;
use crate::ppo::loss::{Coefficients, LossSums, loss_and_derivative};

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
        for ((&at, heads), error) in self.index.iter().zip(outputs).zip(errors) {
            *error = loss_and_derivative(heads, &self.batch.sample(at), self.coefficients, self.sums);
        }
    }
}
