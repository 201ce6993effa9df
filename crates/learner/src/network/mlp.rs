//! The multilayer perceptron: observations → hidden → hidden → (4 logits, 1 value), ReLU, shared by all robots.
use std::ops::Range;

use rand_core::Rng;

use super::{ACTIONS, HEADS, VALUE};
use crate::kernels::{Finish, Kernels, Rows, column_sums};
use crate::random;

/// Rows processed at a time, so that activations and weights stay in the second-level cache.
pub const CHUNK: usize = 96;

/// Scale of the initial policy head: the first policy is almost uniform over the legal actions
/// (detail 2 of Huang et al., "The 37 implementation details of PPO", 2022).
const POLICY_HEAD_GAIN: f32 = 0.01;

/// Sizes of the network, and where each tensor lies in the flat parameter vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MlpShape {
    /// Length of one robot's observation.
    pub observations: usize,
    /// Width of both hidden layers, a multiple of 8.
    pub hidden: usize,
}

impl MlpShape {
    /// First layer, `observations × hidden`, row-major by input.
    pub fn w1(self) -> Range<usize> {
        0..self.observations * self.hidden
    }
    pub fn b1(self) -> Range<usize> {
        after(self.w1(), self.hidden)
    }
    /// Second layer, `hidden × hidden`.
    pub fn w2(self) -> Range<usize> {
        after(self.b1(), self.hidden * self.hidden)
    }
    pub fn b2(self) -> Range<usize> {
        after(self.w2(), self.hidden)
    }
    /// Heads, `hidden × HEADS`: columns 0–3 policy, 4 value, 5–7 always zero.
    pub fn w3(self) -> Range<usize> {
        after(self.b2(), self.hidden * HEADS)
    }
    pub fn b3(self) -> Range<usize> {
        after(self.w3(), HEADS)
    }
    /// Length of the flat parameter vector.
    pub fn len(self) -> usize {
        self.b3().end
    }
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
    /// Multiply-adds of one row: (forward, backward).
    pub fn macs(self) -> (usize, usize) {
        let upper = self.hidden * (self.hidden + HEADS);
        let forward = self.observations * self.hidden + upper;
        (forward, forward + upper)
    }
}

fn after(range: Range<usize>, length: usize) -> Range<usize> {
    range.end..range.end + length
}

/// The network: its shape and parameters, with the transposes that the backward pass reads.
#[derive(Clone, Debug)]
pub struct Mlp {
    shape: MlpShape,
    parameters: Vec<f32>,
    w2_transposed: Vec<f32>,
    w3_transposed: Vec<f32>,
}

impl Mlp {
    /// Fan-in initialisation: weights and biases uniform in ±1/√inputs, the policy head scaled down.
    pub fn initialised(shape: MlpShape, rng: &mut impl Rng) -> Self {
        let mut parameters = vec![0.0; shape.len()];
        fill(&mut parameters[shape.w1()], shape.observations, rng);
        fill(&mut parameters[shape.b1()], shape.observations, rng);
        fill(&mut parameters[shape.w2()], shape.hidden, rng);
        fill(&mut parameters[shape.b2()], shape.hidden, rng);
        fill(&mut parameters[shape.w3()], shape.hidden, rng);
        for row in parameters[shape.w3()].chunks_exact_mut(HEADS) {
            row[..ACTIONS].iter_mut().for_each(|w| *w *= POLICY_HEAD_GAIN);
            row[VALUE + 1..].fill(0.0);
        }
        Self::from_parameters(shape, parameters)
    }

    /// # Panics
    /// When `parameters` is not `shape.len()` long.
    pub fn from_parameters(shape: MlpShape, parameters: Vec<f32>) -> Self {
        assert_eq!(parameters.len(), shape.len());
        let mut network = Self {
            shape,
            parameters,
            w2_transposed: vec![0.0; shape.hidden * shape.hidden],
            w3_transposed: vec![0.0; shape.hidden * HEADS],
        };
        network.transpose();
        network
    }

    pub fn shape(&self) -> MlpShape {
        self.shape
    }

    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Changes the parameters and refreshes what is derived from them.
    pub fn update(&mut self, change: impl FnOnce(&mut [f32])) {
        change(&mut self.parameters);
        self.transpose();
    }

    /// Logits and values of the rows `x` (at most [`CHUNK`]); they are `scratch.heads()`, `rows × HEADS`.
    pub fn forward(&self, kernels: Kernels, x: Rows, scratch: &mut Activations) {
        let (p, s, rows) = (&self.parameters, self.shape, x.index.len());
        scratch.rows = rows;
        let Activations { h1, h2, heads, identity, .. } = scratch;
        let (h1, h2) = (&mut h1[..rows * s.hidden], &mut h2[..rows * s.hidden]);
        kernels.affine(x, &p[s.w1()], Some(&p[s.b1()]), Finish::Relu, h1, s.hidden);
        let x2 = Rows { data: h1, stride: s.hidden, index: &identity[..rows] };
        kernels.affine(x2, &p[s.w2()], Some(&p[s.b2()]), Finish::Relu, h2, s.hidden);
        let x3 = Rows { data: h2, stride: s.hidden, index: &identity[..rows] };
        kernels.affine(x3, &p[s.w3()], Some(&p[s.b3()]), Finish::Linear, &mut heads[..rows * HEADS], HEADS);
    }

    /// Adds the gradient of Σ heads·`scratch.head_errors` to `gradient`, for the rows of the last [`Mlp::forward`].
    ///
    /// The gradient with respect to the observations is never needed, and never computed.
    pub fn backward(&self, kernels: Kernels, x: Rows, scratch: &mut Activations, gradient: &mut [f32]) {
        let (s, rows) = (self.shape, scratch.rows);
        assert_eq!(rows, x.index.len(), "backward must follow forward on the same rows");
        let Activations { h1, h2, head_errors, e1, e2, identity, .. } = scratch;
        let (h1, h2) = (&h1[..rows * s.hidden], &h2[..rows * s.hidden]);
        let (e1, e2) = (&mut e1[..rows * s.hidden], &mut e2[..rows * s.hidden]);
        let head_errors = &head_errors[..rows * HEADS];
        let contiguous = |data, stride| Rows { data, stride, index: &identity[..rows] };

        kernels.outer(contiguous(h2, s.hidden), head_errors, &mut gradient[s.w3()], HEADS);
        column_sums(head_errors, &mut gradient[s.b3()]);
        let x3 = contiguous(head_errors, HEADS);
        kernels.affine(x3, &self.w3_transposed, None, Finish::Gate(h2), e2, s.hidden);

        kernels.outer(contiguous(h1, s.hidden), e2, &mut gradient[s.w2()], s.hidden);
        column_sums(e2, &mut gradient[s.b2()]);
        kernels.affine(contiguous(e2, s.hidden), &self.w2_transposed, None, Finish::Gate(h1), e1, s.hidden);

        kernels.outer(x, e1, &mut gradient[s.w1()], s.hidden);
        column_sums(e1, &mut gradient[s.b1()]);
    }

    fn transpose(&mut self) {
        let (s, p) = (self.shape, &self.parameters);
        transpose(&p[s.w2()], s.hidden, &mut self.w2_transposed);
        transpose(&p[s.w3()], HEADS, &mut self.w3_transposed);
    }
}

/// Working memory of one forward and backward pass over at most [`CHUNK`] rows.
#[derive(Clone, Debug)]
pub struct Activations {
    rows: usize,
    h1: Vec<f32>,
    h2: Vec<f32>,
    heads: Vec<f32>,
    /// Derivative of the loss with respect to the heads, `rows × HEADS`: written by the caller before `backward`.
    pub head_errors: Vec<f32>,
    e1: Vec<f32>,
    e2: Vec<f32>,
    identity: Vec<u32>,
}

impl Activations {
    pub fn new(shape: MlpShape) -> Self {
        let hidden = || vec![0.0; CHUNK * shape.hidden];
        Self {
            rows: 0,
            h1: hidden(),
            h2: hidden(),
            heads: vec![0.0; CHUNK * HEADS],
            head_errors: vec![0.0; CHUNK * HEADS],
            e1: hidden(),
            e2: hidden(),
            identity: (0..CHUNK as u32).collect(),
        }
    }

    /// Outputs of the last forward pass, `rows × HEADS`.
    pub fn heads(&self) -> &[f32] {
        &self.heads[..self.rows * HEADS]
    }

    /// The outputs and, to be written, their errors.
    pub fn heads_and_errors(&mut self) -> (&[f32], &mut [f32]) {
        (&self.heads[..self.rows * HEADS], &mut self.head_errors[..self.rows * HEADS])
    }
}

fn fill(weights: &mut [f32], inputs: usize, rng: &mut impl Rng) {
    let bound = 1.0 / (inputs as f32).sqrt();
    weights.fill_with(|| (2.0 * random::unit(rng) - 1.0) * bound);
}

fn transpose(from: &[f32], columns: usize, to: &mut [f32]) {
    let rows = from.len() / columns;
    for (r, row) in from.chunks_exact(columns).enumerate() {
        for (c, &value) in row.iter().enumerate() {
            to[c * rows + r] = value;
        }
    }
}
