//! The reference: the same network and objective in dfdx, differentiated automatically.
use std::ops::Range;
use std::time::Instant;

use ::dfdx::prelude::*;

use super::Shard;
use crate::network::maps::Image;
use crate::network::{ACTIONS, HEADS, Network, NetworkShape, VALUE};
use crate::ppo::batch::Batch;
use crate::ppo::loss::{Coefficients, LossSums};

type Vector = Tensor<(usize,), f32, Cpu>;
type Matrix = Tensor<(usize, usize), f32, Cpu>;
type Tape = OwnedTape<f32, Cpu>;
type Traced<S> = Tensor<S, f32, Cpu, Tape>;

/// Added to the logits of illegal actions: their probability underflows to zero.
const ILLEGAL: f32 = -1e4;

/// Adds the gradient of the samples `index` to `shard`.
pub fn gradient(network: &Network, batch: &Batch, index: &[u32], coefficients: &Coefficients, shard: &mut Shard) {
    if index.is_empty() {
        return;
    }
    let started = Instant::now();
    let device = Cpu::default();
    let tensors = Tensors::load(&device, network);
    let samples = Samples::gather(&device, network.shape(), batch, index);
    let loss = objective(&tensors, &samples, coefficients, &mut shard.losses);
    let forward_done = Instant::now();
    let gradients = (loss * coefficients.scale).backward();
    tensors.accumulate(&gradients, network.shape(), &mut shard.gradient);
    shard.forward += forward_done - started;
    shard.backward += forward_done.elapsed();
}

/// Σ −min(r·Â, clip(r)·Â) + c₁·½(V − R)² − c₂·H over the samples.
fn objective(t: &Tensors, s: &Samples, c: &Coefficients, sums: &mut LossSums) -> Traced<()> {
    let h1 = first_hidden(t, s);
    let h2 = affine(h1, &t.w2, &t.b2).relu();
    let values = affine(h2.with_empty_tape(), &t.w_value, &t.b_value);
    let logits = affine(h2, &t.w_policy, &t.b_policy) + s.illegal.clone();

    let log_probs = logits.log_softmax::<Axis<1>>();
    let weighted = log_probs.with_empty_tape().exp() * log_probs.with_empty_tape();
    let negative_entropy = weighted.sum::<Rank0, _>();
    let log_ratio = log_probs.select(s.actions.clone()) - s.log_probs.clone();
    let ratio = log_ratio.with_empty_tape().exp();
    record_ratios(sums, &ratio.as_vec(), &log_ratio.as_vec(), c.clip_range);
    let clipped = ratio.with_empty_tape().clamp(1.0 - c.clip_range, 1.0 + c.clip_range) * s.advantages.clone();
    let surrogate = (ratio.with_empty_tape() * s.advantages.clone()).minimum(clipped).sum::<Rank0, _>();
    let value_loss = value_objective(values, s, c.clip_range_value);

    sums.policy_loss -= f64::from(surrogate.array());
    sums.value_loss += f64::from(value_loss.array());
    sums.entropy -= f64::from(negative_entropy.array());
    // Every operation is on some tape; merging the tapes of all terms makes one graph of them.
    let (_, shared) = ratio.split_tape();
    let (_, log_tape) = log_ratio.split_tape();
    let (total, tape) = (value_loss * c.value + negative_entropy * c.entropy - surrogate).split_tape();
    total.put_tape(tape.merge(shared).merge(log_tape))
}

/// Σ ½(V − R)², each sample the larger of that and its version with V clipped to within `clip` of V_old.
fn value_objective(values: Traced<(usize, usize)>, s: &Samples, clip: Option<f32>) -> Traced<()> {
    let errors = (values.with_empty_tape() - s.returns.clone()).square();
    let Some(clip) = clip else {
        let (errors, tape) = errors.split_tape();
        let (_, rest) = values.split_tape();
        return errors.put_tape(tape.merge(rest)).sum::<Rank0, _>() * 0.5;
    };
    let change = (values - s.values.clone()).clamp(-clip, clip);
    let clipped = (change + s.values.clone() - s.returns.clone()).square();
    errors.maximum(clipped).sum::<Rank0, _>() * 0.5
}

/// The first hidden layer, of the parts of its input: what the convolutions make of their patches, and the rest.
fn first_hidden(t: &Tensors, s: &Samples) -> Traced<(usize, usize)> {
    let (rest, convolved) = t.w1.split_last().expect("the first hidden layer has inputs");
    let mut sum = affine(s.direct.leaky_trace(), rest, &t.b1);
    for ((patches, (weights, bias)), w1) in s.patches.iter().zip(&t.convolutions).zip(convolved) {
        let outputs = affine(patches.leaky_trace(), weights, bias).relu();
        sum = sum + outputs.reshape_like(&(s.direct.shape().0, w1.shape().0)).matmul(w1.clone());
    }
    sum.relu()
}

fn affine(x: Traced<(usize, usize)>, weights: &Matrix, bias: &Vector) -> Traced<(usize, usize)> {
    let shape = (x.shape().0, weights.shape().1);
    x.matmul(weights.clone()) + bias.retaped::<Tape>().broadcast_like::<_, Axis<0>>(&shape)
}

fn record_ratios(sums: &mut LossSums, ratios: &[f32], log_ratios: &[f32], clip_range: f32) {
    for (&ratio, &log_ratio) in ratios.iter().zip(log_ratios) {
        sums.count_ratio(ratio, log_ratio, clip_range);
    }
}

/// The parameters as dfdx tensors; the heads without their padding.
struct Tensors {
    /// Weights and bias per image.
    convolutions: Vec<(Matrix, Vector)>,
    /// The rows of the first hidden layer's weights, parted like its inputs.
    w1: Vec<Matrix>,
    b1: Vector,
    w2: Matrix,
    b2: Vector,
    w_policy: Matrix,
    b_policy: Vector,
    w_value: Matrix,
    b_value: Vector,
}

impl Tensors {
    fn load(device: &Cpu, network: &Network) -> Self {
        let (s, p) = (network.shape(), network.parameters());
        let matrix = |range: std::ops::Range<usize>, columns: usize| -> Matrix {
            device.tensor_from_vec(p[range.clone()].to_vec(), (range.len() / columns, columns))
        };
        let vector = |values: &[f32]| -> Vector { device.tensor_from_vec(values.to_vec(), (values.len(),)) };
        let head = |from: usize, to: usize| -> Matrix {
            let columns = p[s.w3()].chunks_exact(HEADS).flat_map(|row| row[from..to].iter().copied());
            device.tensor_from_vec(columns.collect(), (s.hidden, to - from))
        };
        Self {
            convolutions: images(s)
                .iter()
                .map(|image| (matrix(image.weights.clone(), image.channels), vector(&p[image.bias.clone()])))
                .collect(),
            w1: parts(s).into_iter().map(|part| matrix(part, s.hidden)).collect(),
            b1: vector(&p[s.b1()]),
            w2: matrix(s.w2(), s.hidden),
            b2: vector(&p[s.b2()]),
            w_policy: head(0, ACTIONS),
            b_policy: vector(&p[s.b3()][..ACTIONS]),
            w_value: head(VALUE, VALUE + 1),
            b_value: vector(&p[s.b3()][VALUE..=VALUE]),
        }
    }

    fn accumulate(&self, gradients: &Gradients<f32, Cpu>, s: &NetworkShape, out: &mut [f32]) {
        for (image, (weights, bias)) in images(s).iter().zip(&self.convolutions) {
            add(&mut out[image.weights.clone()], &gradients.get(weights).as_vec());
            add(&mut out[image.bias.clone()], &gradients.get(bias).as_vec());
        }
        for (part, w1) in parts(s).into_iter().zip(&self.w1) {
            add(&mut out[part], &gradients.get(w1).as_vec());
        }
        add(&mut out[s.b1()], &gradients.get(&self.b1).as_vec());
        add(&mut out[s.w2()], &gradients.get(&self.w2).as_vec());
        add(&mut out[s.b2()], &gradients.get(&self.b2).as_vec());
        let (policy, value) = (gradients.get(&self.w_policy).as_vec(), gradients.get(&self.w_value).as_vec());
        let rows = out[s.w3()].chunks_exact_mut(HEADS);
        for ((row, policy), &value) in rows.zip(policy.chunks_exact(ACTIONS)).zip(&value) {
            add(&mut row[..ACTIONS], policy);
            row[VALUE] += value;
        }
        let bias = &mut out[s.b3()];
        add(&mut bias[..ACTIONS], &gradients.get(&self.b_policy).as_vec());
        add(&mut bias[VALUE..=VALUE], &gradients.get(&self.b_value).as_vec());
    }
}

fn images(shape: &NetworkShape) -> &[Image] {
    shape.maps.as_ref().map_or(&[], |maps| &maps.images)
}

/// The first hidden layer's weights for each image's outputs, then for the rest of its inputs.
fn parts(s: &NetworkShape) -> Vec<Range<usize>> {
    let start = s.w1().start;
    let ends = images(s).iter().map(|image| image.outputs.end).chain([s.features()]);
    let mut from = 0;
    ends.map(|to| start + std::mem::replace(&mut from, to) * s.hidden..start + to * s.hidden).collect()
}

/// The samples as dfdx tensors.
struct Samples {
    /// The patches of all samples, per image.
    patches: Vec<Matrix>,
    /// The inputs of the first hidden layer that no convolution changes.
    direct: Matrix,
    illegal: Matrix,
    actions: Tensor<(usize,), usize, Cpu>,
    log_probs: Vector,
    advantages: Vector,
    values: Matrix,
    returns: Matrix,
}

impl Samples {
    fn gather(device: &Cpu, shape: &NetworkShape, batch: &Batch, index: &[u32]) -> Self {
        let rows = index.len();
        let matrix = |values: Vec<f32>| -> Matrix {
            let columns = values.len() / rows;
            device.tensor_from_vec(values, (rows, columns))
        };
        let column = |from: &[f32]| index.iter().map(|&i| from[i as usize]).collect::<Vec<f32>>();
        let width = batch.observation_len;
        let observations = || index.iter().map(|&i| &batch.observations[i as usize * width..][..width]);
        let whole = 0..width;
        let direct = shape.maps.as_ref().map_or(std::slice::from_ref(&whole), |maps| &maps.scalars);
        let direct = observations().flat_map(|row| direct.iter().flat_map(|part| &row[part.clone()])).copied();
        let illegal = |&i: &u32| {
            let mask = batch.masks[i as usize];
            (0..ACTIONS).map(move |a| if mask >> a & 1 == 1 { 0.0 } else { ILLEGAL })
        };
        let actions = index.iter().map(|&i| usize::from(batch.actions[i as usize])).collect();
        Self {
            patches: images(shape).iter().map(|image| im2col(device, shape, image, observations())).collect(),
            direct: matrix(direct.collect()),
            illegal: device.tensor_from_vec(index.iter().flat_map(illegal).collect(), (rows, ACTIONS)),
            actions: device.tensor_from_vec(actions, (rows,)),
            log_probs: device.tensor_from_vec(column(batch.log_probs), (rows,)),
            advantages: device.tensor_from_vec(column(batch.advantages), (rows,)),
            values: device.tensor_from_vec(column(batch.values), (rows, 1)),
            returns: device.tensor_from_vec(column(batch.returns), (rows, 1)),
        }
    }
}

/// The patches of an image of every observation, one per row.
fn im2col<'a>(
    device: &Cpu,
    shape: &NetworkShape,
    image: &Image,
    observations: impl Iterator<Item = &'a [f32]>,
) -> Matrix {
    let mut pixels = vec![0.0; shape.maps.as_ref().map_or(0, |maps| maps.pixels())];
    let mut cells = Vec::new();
    for observation in observations {
        cells.extend(image.draw(observation, &mut pixels).cells());
    }
    let inner = image.weights.len() / image.channels;
    let rows = cells.len() / inner;
    device.tensor_from_vec(cells, (rows, inner))
}

fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
