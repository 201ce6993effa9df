//! The fused gradient against dfdx and against finite differences.
use learner::backend::{Backend, Shard};
use learner::categorical::Categorical;
use learner::kernels::Kernels;
use learner::network::{ACTIONS, Mlp, MlpShape};
use learner::ppo::batch::Batch;
use learner::ppo::loss::Coefficients;
use learner::random::{Purpose, stream, unit};

/// A made-up rollout whose ratios lie on both sides of the clip range.
struct Rollout {
    observations: Vec<f32>,
    actions: Vec<u8>,
    masks: Vec<u8>,
    log_probs: Vec<f32>,
    values: Vec<f32>,
    advantages: Vec<f32>,
    returns: Vec<f32>,
}

const ROWS: usize = 250;
const SHAPE: MlpShape = MlpShape { observations: 19, hidden: 64 };

impl Rollout {
    fn new() -> Self {
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
            observations: column(-1.0, 1.0, ROWS * SHAPE.observations),
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
            observation_len: SHAPE.observations,
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

fn network() -> Mlp {
    let network = Mlp::initialised(SHAPE, &mut stream(5, Purpose::InitialWeights, 0, 0));
    let mut parameters = network.parameters().to_vec();
    parameters[SHAPE.w3()].iter_mut().enumerate().filter(|(i, _)| i % 8 < ACTIONS).for_each(|(_, w)| *w *= 60.0);
    Mlp::from_parameters(SHAPE, parameters)
}

fn compute(backend: Backend, kernels: Kernels, network: &Mlp, clip_range_value: Option<f32>) -> Shard {
    let (rollout, index) = (Rollout::new(), (0..ROWS as u32).rev().collect::<Vec<_>>());
    let mut shard = Shard::new(SHAPE);
    shard.compute(backend, kernels, network, &rollout.batch(), &index, &coefficients(clip_range_value));
    shard
}

#[test]
fn fused_and_dfdx_agree() {
    for clip_range_value in [None, Some(0.2)] {
        let fused = compute(Backend::Fused, Kernels::detect(), &network(), clip_range_value);
        let reference = compute(Backend::Dfdx, Kernels::detect(), &network(), clip_range_value);
        let largest = reference.gradient.iter().fold(0.0_f32, |m, g| m.max(g.abs()));
        assert!(largest > 0.01, "a gradient worth comparing: {largest}");
        for (i, (a, b)) in fused.gradient.iter().zip(&reference.gradient).enumerate() {
            assert!((a - b).abs() <= 1e-5 * largest.max(1.0), "parameter {i}: {a} {b}");
        }
        let losses = |s: &Shard| [s.losses.policy_loss, s.losses.value_loss, s.losses.entropy, s.losses.approx_kl];
        for (a, b) in losses(&fused).into_iter().zip(losses(&reference)) {
            assert!((a - b).abs() < 1e-3 * b.abs().max(1.0), "{a} {b}");
        }
        assert_eq!(fused.losses.clipped, reference.losses.clipped);
        assert!(fused.losses.clipped > 10.0 && fused.losses.clipped < ROWS as f64 - 10.0);
    }
}

#[test]
fn gradients_have_the_same_bits_on_every_instruction_set() {
    let all: Vec<Vec<u32>> = Kernels::available()
        .into_iter()
        .map(|kernels| compute(Backend::Fused, kernels, &network(), None))
        .map(|shard| shard.gradient.iter().map(|g| g.to_bits()).collect())
        .collect();
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

/// Central differences of the loss along single parameters, in the smooth parts of the objective.
#[test]
fn fused_agrees_with_finite_differences() {
    let network = network();
    let loss = |parameters: Vec<f32>| {
        let shard = compute(Backend::Fused, Kernels::detect(), &Mlp::from_parameters(SHAPE, parameters), None);
        let (c, s) = (coefficients(None), shard.losses);
        (s.policy_loss + f64::from(c.value) * s.value_loss - f64::from(c.entropy) * s.entropy) * f64::from(c.scale)
    };
    let gradient = compute(Backend::Fused, Kernels::detect(), &network, None).gradient;
    let mut checked = 0;
    for at in (0..SHAPE.len()).step_by(13) {
        let (mut up, mut down) = (network.parameters().to_vec(), network.parameters().to_vec());
        up[at] += 2e-3;
        down[at] -= 2e-3;
        let numeric = (loss(up) - loss(down)) / 4e-3;
        let error = (numeric - f64::from(gradient[at])).abs();
        assert!(error < 5e-4_f64.max(0.05 * numeric.abs()), "parameter {at}: {numeric} {}", gradient[at]);
        checked += usize::from(numeric.abs() > 2e-3);
    }
    assert!(checked > 20, "only {checked} parameters matter");
}

#[test]
fn batch_size_does_not_change_an_output() {
    let (network, rollout, kernels) = (network(), Rollout::new(), Kernels::detect());
    let mut scratch = learner::network::Activations::new(SHAPE);
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
