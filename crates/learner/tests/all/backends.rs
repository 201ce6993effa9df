//! The fused gradient against dfdx and against finite differences.
use std::ops::Range;

use environment::ObservationSpec;
use learner::backend::{Backend, Shard};
use learner::categorical::Categorical;
use learner::kernels::Kernels;
use learner::network::{ACTIONS, Activations, Architecture, Network, NetworkShape};
use learner::ppo::batch::Batch;
use learner::ppo::loss::{Coefficients, LossSums};
use learner::random::{Purpose, stream, unit};

/// A made-up rollout whose ratios lie on both sides of the clip range.
struct Rollout {
    observation_len: usize,
    observations: Vec<f32>,
    actions: Vec<u8>,
    masks: Vec<u8>,
    log_probs: Vec<f32>,
    values: Vec<f32>,
    advantages: Vec<f32>,
    returns: Vec<f32>,
}

const ROWS: usize = 250;

/// Perceptrons whose layers fill vectors of every width, and convolutional networks for one robot and for a team.
fn shapes() -> [NetworkShape; 5] {
    let cnn = |robots| NetworkShape::new(Architecture::Cnn, &ObservationSpec::for_team(robots), 64);
    [NetworkShape::mlp(19, 64), NetworkShape::mlp(19, 24), NetworkShape::mlp(19, 128), cnn(1), cnn(4)]
}

impl Rollout {
    fn new(shape: &NetworkShape) -> Self {
        let observation_len = shape.observations;
        let mut rng = stream(3, Purpose::Evaluation, 0, 0);
        let mut column = |low: f32, high: f32, len: usize| -> Vec<f32> {
            (0..len).map(|_| low + (high - low) * unit(&mut rng)).collect()
        };
        let masks: Vec<u8> = (0..ROWS).map(|i| [0b1111, 0b1110, 0b0111, 0b1001][i % 4]).collect();
        let actions = masks.iter().enumerate().map(|(i, mask)| {
            let legal: Vec<u8> = (0..4).filter(|a| mask >> a & 1 == 1).collect();
            legal[i / 4 % legal.len()]
        });
        Self {
            observation_len,
            observations: column(-1.0, 1.0, ROWS * observation_len),
            actions: actions.collect(),
            masks: masks.clone(),
            log_probs: column(-2.0, -0.8, ROWS),
            values: column(-1.0, 1.0, ROWS),
            advantages: column(-2.0, 2.0, ROWS),
            returns: column(-1.0, 1.0, ROWS),
        }
    }

    fn batch(&self) -> Batch<'_> {
        Batch {
            observations: &self.observations,
            observation_len: self.observation_len,
            actions: &self.actions,
            masks: &self.masks,
            log_probs: &self.log_probs,
            values: &self.values,
            advantages: &self.advantages,
            returns: &self.returns,
        }
    }
}

fn coefficients(clip_range_value: Option<f32>) -> Coefficients {
    Coefficients { clip_range: 0.2, clip_range_value, value: 0.5, entropy: 0.01, scale: 1.0 / ROWS as f32 }
}

fn network(shape: NetworkShape) -> Network {
    let network = Network::initialised(shape.clone(), &mut stream(5, Purpose::InitialWeights, 0, 0));
    let mut parameters = network.parameters().to_vec();
    parameters[shape.w3()].iter_mut().enumerate().filter(|(i, _)| i % 8 < ACTIONS).for_each(|(_, w)| *w *= 60.0);
    Network::from_parameters(shape, &parameters)
}

fn compute(backend: Backend, kernels: Kernels, network: &Network, clip_range_value: Option<f32>) -> Shard {
    let (rollout, index) = (Rollout::new(network.shape()), (0..ROWS as u32).rev().collect::<Vec<_>>());
    let mut shard = Shard::new(network.shape());
    shard.compute(backend, kernels, network, &rollout.batch(), &index, &coefficients(clip_range_value));
    shard
}

#[test]
fn fused_and_dfdx_agree() {
    for network in shapes().map(network) {
        for clip_range_value in [None, Some(0.2)] {
            let fused = compute(Backend::Fused, Kernels::detect(), &network, clip_range_value);
            let reference = compute(Backend::Dfdx, Kernels::detect(), &network, clip_range_value);
            let largest = reference.gradient.iter().fold(0.0_f32, |m, g| m.max(g.abs()));
            assert!(largest > 0.01, "a gradient worth comparing: {largest}");
            for (i, (a, b)) in fused.gradient.iter().zip(reference.gradient.iter()).enumerate() {
                assert!((a - b).abs() <= 1e-5 * largest.max(1.0), "parameter {i}: {a} {b}");
            }
            let losses = |s: &Shard| {
                let LossSums { policy_loss, value_loss, entropy, approx_kl, old_approx_kl, .. } = s.losses;
                [policy_loss, value_loss, entropy, approx_kl, old_approx_kl]
            };
            for (a, b) in losses(&fused).into_iter().zip(losses(&reference)) {
                assert!((a - b).abs() < 1e-3 * b.abs().max(1.0), "{a} {b}");
            }
            assert_eq!(fused.losses.clipped, reference.losses.clipped);
            assert!(fused.losses.clipped > 10.0 && fused.losses.clipped < ROWS as f64 - 10.0);
        }
    }
}

#[test]
fn gradients_have_the_same_bits_on_every_instruction_set() {
    for network in shapes().map(network) {
        let all: Vec<Vec<u32>> = Kernels::available()
            .into_iter()
            .map(|kernels| compute(Backend::Fused, kernels, &network, None))
            .map(|shard| shard.gradient.iter().map(|g| g.to_bits()).collect())
            .collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

fn loss(shape: &NetworkShape, parameters: Vec<f32>) -> f64 {
    let shard = compute(Backend::Fused, Kernels::detect(), &Network::from_parameters(shape.clone(), &parameters), None);
    let (c, s) = (coefficients(None), shard.losses);
    (s.policy_loss + f64::from(c.value) * s.value_loss - f64::from(c.entropy) * s.entropy) * f64::from(c.scale)
}

/// Central differences of the loss along single parameters, in the smooth parts of the objective.
#[test]
fn fused_agrees_with_finite_differences() {
    let [shape, ..] = shapes();
    let network = network(shape.clone());
    let gradient = compute(Backend::Fused, Kernels::detect(), &network, None).gradient;
    let mut checked = 0;
    for at in (0..shape.len()).step_by(13) {
        let (mut up, mut down) = (network.parameters().to_vec(), network.parameters().to_vec());
        up[at] += 2e-3;
        down[at] -= 2e-3;
        let numeric = (loss(&shape, up) - loss(&shape, down)) / 4e-3;
        let error = (numeric - f64::from(gradient[at])).abs();
        assert!(error < 5e-4_f64.max(0.05 * numeric.abs()), "parameter {at}: {numeric} {}", gradient[at]);
        checked += usize::from(numeric.abs() > 2e-3);
    }
    assert!(checked > 20, "only {checked} parameters matter");
}

/// Central differences of the loss along whole tensors: up their gradient, and along random signs.
#[test]
fn every_tensor_agrees_with_finite_differences() {
    for network in shapes().map(network) {
        let shape = network.shape().clone();
        let gradient = compute(Backend::Fused, Kernels::detect(), &network, None).gradient;
        let mut rng = stream(7, Purpose::Evaluation, 0, 0);
        for tensor in tensors(&shape) {
            let signs: Vec<f32> = tensor.clone().map(|_| if unit(&mut rng) < 0.5 { -1.0 } else { 1.0 }).collect();
            for direction in [&gradient[tensor.clone()], &signs] {
                let length = direction.iter().map(|d| d * d).sum::<f32>().sqrt();
                let moved = |distance: f32| {
                    let mut parameters = network.parameters().to_vec();
                    parameters[tensor.clone()].iter_mut().zip(direction).for_each(|(p, d)| *p += distance * d / length);
                    loss(&shape, parameters)
                };
                let numeric = (moved(5e-3) - moved(-5e-3)) / 1e-2;
                let along = |direction: &[f32]| {
                    let products = gradient[tensor.clone()].iter().zip(direction).map(|(g, d)| f64::from(g * d));
                    products.sum::<f64>() / f64::from(length)
                };
                let (slope, steepest) = (along(direction), gradient[tensor.clone()].iter().map(|g| g * g).sum::<f32>());
                let steepest = f64::from(steepest.sqrt());
                assert!(steepest > 1e-3, "{tensor:?} matters");
                assert!((numeric - slope).abs() < 0.03 * steepest, "{tensor:?}: {numeric} {slope} {steepest}");
            }
        }
    }
}

fn tensors(shape: &NetworkShape) -> Vec<Range<usize>> {
    let images = shape.maps.iter().flat_map(|maps| &maps.images);
    let convolutions = images.flat_map(|image| [image.weights.clone(), image.bias.clone()]);
    convolutions.chain([shape.w1(), shape.b1(), shape.w2(), shape.b2(), shape.w3(), shape.b3()]).collect()
}

#[test]
fn batch_size_does_not_change_an_output() {
    for network in shapes().map(network) {
        let (rollout, kernels) = (Rollout::new(network.shape()), Kernels::detect());
        let mut scratch = Activations::new(network.shape());
        let all: Vec<u32> = (0..90).collect();
        network.forward(kernels, rollout.batch().rows(&all), &mut scratch);
        let together = scratch.heads().to_vec();
        for size in [1, 2, 5, 6, 7, 13] {
            for index in all.chunks(size) {
                network.forward(kernels, rollout.batch().rows(index), &mut scratch);
                let first = index[0] as usize * 8;
                assert_eq!(scratch.heads(), &together[first..first + index.len() * 8]);
            }
        }
        assert!(Categorical::new(&together, 0b1111).entropy() > 0.1);
    }
}
