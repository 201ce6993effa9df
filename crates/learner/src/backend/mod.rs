//! What computes the gradient of a part of a minibatch: our kernels, or dfdx as the reference.
mod dfdx;
mod fused;

use std::time::Duration;

pub use fused::gradient as fused_gradient;

pub use self::dfdx::gradient as dfdx_gradient;
use crate::kernels::{Aligned, Kernels};
use crate::network::{Activations, Network, NetworkShape};
use crate::ppo::batch::Batch;
use crate::ppo::loss::{Coefficients, LossSums};

/// The gradient code in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Forward and backward written out on our kernels.
    #[default]
    Fused,
    /// Automatic differentiation by dfdx: slower, and what the fused path is tested against.
    Dfdx,
}

/// One part of a minibatch: its gradient, its share of the loss, and working memory.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Sum over the part's samples, already divided by the size of the minibatch.
    pub gradient: Aligned,
    pub losses: LossSums,
    pub forward: Duration,
    pub backward: Duration,
    activations: Activations,
}

impl Shard {
    pub fn new(shape: &NetworkShape) -> Self {
        Self {
            gradient: Aligned::zeros(shape.len()),
            losses: LossSums::default(),
            forward: Duration::ZERO,
            backward: Duration::ZERO,
            activations: Activations::new(shape),
        }
    }

    /// Computes the gradient and the losses of the samples `index` of `batch`.
    pub fn compute(
        &mut self,
        backend: Backend,
        kernels: Kernels,
        network: &Network,
        batch: &Batch,
        index: &[u32],
        coefficients: &Coefficients,
    ) {
        self.gradient.fill(0.0);
        self.losses = LossSums::default();
        match backend {
            Backend::Fused => fused_gradient(kernels, network, batch, index, coefficients, self),
            Backend::Dfdx => dfdx_gradient(network, batch, index, coefficients, self),
        }
    }
}
