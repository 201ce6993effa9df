//! Forward and backward through the layers.
use rand_core::Rng;

use super::{ACTIONS, HEADS, NetworkShape, VALUE};
use crate::kernels::{Aligned, Finish, Kernels, Rows};
use crate::random;

/// Rows processed at a time, so that activations and weights stay in the second-level cache.
pub const CHUNK: usize = 96;

/// Scale of the initial policy head: the first policy is almost uniform over the legal actions
/// (detail 2 of Huang et al., "The 37 implementation details of PPO", 2022).
const POLICY_HEAD_GAIN: f32 = 0.01;

/// The network: its shape and parameters, with the transposes that the backward pass reads.
#[derive(Clone, Debug)]
pub struct Network {
    shape: NetworkShape,
    parameters: Aligned,
    /// `hidden × feature stride`; only convolutions need it.
    w1_transposed: Aligned,
    w2_transposed: Aligned,
    w3_transposed: Aligned,
}

impl Network {
    /// Fan-in initialisation: weights and biases uniform in ±1/√inputs, the policy head scaled down.
    pub fn initialised(shape: NetworkShape, rng: &mut impl Rng) -> Self {
        let mut parameters = vec![0.0; shape.len()];
        for image in shape.maps.iter().flat_map(|maps| &maps.images) {
            let patch = image.weights.len() / image.channels;
            fill(&mut parameters[image.weights.start..image.bias.end], patch, rng);
        }
        fill(&mut parameters[shape.w1()], shape.features(), rng);
        fill(&mut parameters[shape.b1()], shape.features(), rng);
        fill(&mut parameters[shape.w2()], shape.hidden, rng);
        fill(&mut parameters[shape.b2()], shape.hidden, rng);
        fill(&mut parameters[shape.w3()], shape.hidden, rng);
        for row in parameters[shape.w3()].chunks_exact_mut(HEADS) {
            row[..ACTIONS].iter_mut().for_each(|w| *w *= POLICY_HEAD_GAIN);
            row[VALUE + 1..].fill(0.0);
        }
        Self::from_parameters(shape, &parameters)
    }

    /// # Panics
    /// When `parameters` is not `shape.len()` long.
    pub fn from_parameters(shape: NetworkShape, parameters: &[f32]) -> Self {
        assert_eq!(parameters.len(), shape.len());
        let w1_transposed = if shape.maps.is_some() { shape.hidden * shape.feature_stride() } else { 0 };
        let mut network = Self {
            w1_transposed: Aligned::zeros(w1_transposed),
            w2_transposed: Aligned::zeros(shape.hidden * shape.hidden),
            w3_transposed: Aligned::zeros(shape.hidden * HEADS),
            shape,
            parameters: Aligned::from(parameters),
        };
        network.transpose();
        network
    }

    /// Lets the first policy follow the one-hot proposal among the features `advice`: their action's logit is higher by
    /// `trust`. A hidden unit of each layer passes each feature on.
    pub fn follow(&mut self, advice: std::ops::Range<usize>, trust: f32) {
        let shape = self.shape.clone();
        self.update(|parameters| {
            for (action, feature) in advice.filter_map(|feature| shape.input_of(feature)).enumerate() {
                for (layer, inputs) in [(shape.w1(), shape.features()), (shape.w2(), shape.hidden)] {
                    for input in 0..inputs {
                        parameters[layer.start + input * shape.hidden + action] = 0.0;
                    }
                }
                parameters[shape.b1().start + action] = 0.0;
                parameters[shape.b2().start + action] = 0.0;
                parameters[shape.w1().start + feature * shape.hidden + action] = 1.0;
                parameters[shape.w2().start + action * shape.hidden + action] = 1.0;
                let row = shape.w3().start + action * HEADS;
                parameters[row..row + HEADS].fill(0.0);
                parameters[row + action] = trust;
            }
        });
    }

    pub fn shape(&self) -> &NetworkShape {
        &self.shape
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
        let (p, s, rows) = (&self.parameters, &self.shape, x.index.len());
        scratch.rows = rows;
        let Activations { pixels, features, h1, h2, heads, identity, .. } = scratch;
        let (h1, h2) = (&mut h1[..rows * s.hidden], &mut h2[..rows * s.hidden]);
        let x1 = match &s.maps {
            None => x,
            Some(maps) => {
                maps.forward(kernels, p, x, pixels, features, s.feature_stride());
                Rows { data: features, stride: s.feature_stride(), index: &identity[..rows] }
            }
        };
        kernels.affine_sparse(x1, &p[s.w1()], Some(&p[s.b1()]), Finish::Relu, h1, s.hidden);
        let x2 = Rows { data: h1, stride: s.hidden, index: &identity[..rows] };
        kernels.affine(x2, &p[s.w2()], Some(&p[s.b2()]), Finish::Relu, h2, s.hidden);
        let x3 = Rows { data: h2, stride: s.hidden, index: &identity[..rows] };
        kernels.affine(x3, &p[s.w3()], Some(&p[s.b3()]), Finish::Linear, &mut heads[..rows * HEADS], HEADS);
    }

    /// Adds the gradient of Σ heads·`scratch.head_errors` to `gradient`, for the rows of the last [`Network::forward`].
    ///
    /// The gradient with respect to the observations is never needed, and never computed.
    pub fn backward(&self, kernels: Kernels, x: Rows, scratch: &mut Activations, gradient: &mut [f32]) {
        let (s, rows) = (&self.shape, scratch.rows);
        assert_eq!(rows, x.index.len(), "backward must follow forward on the same rows");
        let Activations { pixels, features, h1, h2, head_errors, feature_errors, e1, e2, identity, .. } = scratch;
        let (h1, h2) = (&h1[..rows * s.hidden], &h2[..rows * s.hidden]);
        let (e1, e2) = (&mut e1[..rows * s.hidden], &mut e2[..rows * s.hidden]);
        let head_errors = &head_errors[..rows * HEADS];
        let contiguous = |data, stride| Rows { data, stride, index: &identity[..rows] };

        kernels.outer(contiguous(h2, s.hidden), head_errors, &mut gradient[s.w3()], HEADS);
        kernels.column_sums(head_errors, &mut gradient[s.b3()]);
        let x3 = contiguous(head_errors, HEADS);
        kernels.affine(x3, &self.w3_transposed, None, Finish::Gate(h2), e2, s.hidden);

        kernels.outer(contiguous(h1, s.hidden), e2, &mut gradient[s.w2()], s.hidden);
        kernels.column_sums(e2, &mut gradient[s.b2()]);
        kernels.affine(contiguous(e2, s.hidden), &self.w2_transposed, None, Finish::Gate(h1), e1, s.hidden);

        let stride = s.feature_stride();
        let x1 = if s.maps.is_some() { contiguous(features, stride) } else { x };
        kernels.outer_sparse(x1, e1, &mut gradient[s.w1()], s.hidden);
        kernels.column_sums(e1, &mut gradient[s.b1()]);
        if let Some(maps) = &s.maps {
            let (features, errors) = (&features[..rows * stride], &mut feature_errors[..rows * stride]);
            kernels.affine(contiguous(e1, s.hidden), &self.w1_transposed, None, Finish::Gate(features), errors, stride);
            maps.backward(kernels, x, pixels, errors, stride, gradient);
        }
    }

    fn transpose(&mut self) {
        let (s, p) = (&self.shape, &self.parameters);
        if s.maps.is_some() {
            transpose(&p[s.w1()], s.hidden, &mut self.w1_transposed, s.feature_stride());
        }
        transpose(&p[s.w2()], s.hidden, &mut self.w2_transposed, s.hidden);
        transpose(&p[s.w3()], HEADS, &mut self.w3_transposed, s.hidden);
    }
}

/// Working memory of one forward and backward pass over at most [`CHUNK`] rows.
#[derive(Clone, Debug)]
pub struct Activations {
    rows: usize,
    /// What convolutions read, see [`super::Maps::pixels`].
    pixels: Vec<f32>,
    /// What the first hidden layer reads where that is not the observation, `rows × feature stride`.
    features: Aligned,
    feature_errors: Aligned,
    h1: Aligned,
    h2: Aligned,
    heads: Aligned,
    /// Derivative of the loss with respect to the heads, `rows × HEADS`: written by the caller before `backward`.
    pub head_errors: Aligned,
    e1: Aligned,
    e2: Aligned,
    identity: Vec<u32>,
}

impl Activations {
    pub fn new(shape: &NetworkShape) -> Self {
        let hidden = || Aligned::zeros(CHUNK * shape.hidden);
        let features = || Aligned::zeros(if shape.maps.is_some() { CHUNK * shape.feature_stride() } else { 0 });
        Self {
            rows: 0,
            pixels: vec![0.0; shape.maps.as_ref().map_or(0, |maps| maps.pixels())],
            features: features(),
            feature_errors: features(),
            h1: hidden(),
            h2: hidden(),
            heads: Aligned::zeros(CHUNK * HEADS),
            head_errors: Aligned::zeros(CHUNK * HEADS),
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

/// Writes the columns of `from` as rows, `stride` apart.
fn transpose(from: &[f32], columns: usize, to: &mut [f32], stride: usize) {
    for (r, row) in from.chunks_exact(columns).enumerate() {
        for (c, &value) in row.iter().enumerate() {
            to[c * stride + r] = value;
        }
    }
}
