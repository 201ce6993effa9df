//! The learner's gradient steps: V-trace advantages (Espeholt et al., 2018) in the clipped surrogate of PPO.
//!
//! A segment is what one environment played in a rollout. Segments are consumed in the order of their environments, a
//! minibatch of whole segments per gradient step. Before each step they are evaluated anew with the current parameters, so
//! that every importance weight holds exactly what the policy has changed since it acted. Where the paper's gradient is
//! ρ·Â·∇ln π, the surrogate's is r·Â·∇ln π, r = π/μ, and none once r has left the clip range in the direction that Â asks
//! for (Luo et al., "IMPACT: Importance Weighted Asynchronous Architectures with Clipped Target Networks", 2020): a policy
//! does not run away from what it was seen to do.
use std::ops::Range;
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use crate::categorical::Categorical;
use crate::gae::{self, End};
use crate::kernels::{Compiled, Kernels, Rows};
use crate::network::CHUNK;
use crate::network::{ACTIONS, Activations, HEADS, Network, VALUE};
use crate::ppo::PpoConfig;
use crate::ppo::anchor::Anchor;
use crate::ppo::loss::LossSums;
use crate::ppo::optimise::{Optimiser, Outcome};
use crate::rollout::buffer::{Rollout, RolloutShape};
use crate::vtrace::{Corrected, VTrace};

/// ρ̄ and c̄ of the paper's experiments.
const RHO_BAR: f32 = 1.0;
const C_BAR: f32 = 1.0;

/// Improves the network on `rollout`, `progress` ∈ [0, 1] of the way through the run, in `update_epochs` passes.
///
/// Values, advantages and returns of the rollout are replaced by the learner's; log-probabilities stay those of the policy
/// that acted, as do bootstrap values after a segment and at time limits.
pub fn optimise(
    optimiser: &mut Optimiser,
    pool: &ThreadPool,
    config: &PpoConfig,
    anchor: Option<&Anchor>,
    (rollout, shape): (&mut Rollout, RolloutShape),
    progress: f64,
) -> Outcome {
    let length = shape.steps * shape.robots;
    let group = (config.minibatch_size / length).clamp(1, shape.num_envs);
    let mut segments: Vec<Segment> = (0..group).map(|_| Segment::new(&optimiser.network, shape)).collect();
    optimiser.order = (0..shape.num_envs).flat_map(|env| shape.environment_rows(env)).collect();
    let mut outcome = Outcome::default();
    let (mut norms, mut minibatches) = (0.0, 0.0);
    for pass in 0..config.update_epochs {
        outcome.losses = LossSums::default();
        outcome.epochs = pass + 1;
        for first in (0..shape.num_envs).step_by(group) {
            let environments = first..shape.num_envs.min(first + group);
            let rows = environments.start * length..environments.end * length;
            let segments = &mut segments[..environments.len()];
            evaluate(segments, pool, optimiser, config, rollout, shape, environments);
            outcome.forward += segments.iter().map(|segment| segment.forward).sum::<Duration>();
            replace(segments, &optimiser.order[rows.clone()], rollout, anchor);
            let batch = rollout.batch(shape.observation_len);
            norms += f64::from(optimiser.step(pool, config, &batch, rows, progress, &mut outcome));
            minibatches += 1.0;
        }
        if outcome.has_strayed(config) {
            break;
        }
    }
    outcome.gradient_norm = norms / f64::max(minibatches, 1.0);
    outcome
}

/// Evaluates one segment per environment, in parallel.
fn evaluate(
    segments: &mut [Segment],
    pool: &ThreadPool,
    optimiser: &Optimiser,
    config: &PpoConfig,
    rollout: &Rollout,
    shape: RolloutShape,
    environments: Range<usize>,
) {
    let constants = VTrace { gamma: config.gamma, lambda: config.gae_lambda, rho_bar: RHO_BAR, c_bar: C_BAR };
    let length = shape.steps * shape.robots;
    pool.install(|| {
        segments.par_iter_mut().with_max_len(1).enumerate().for_each(|(i, segment)| {
            let environment = environments.start + i;
            let rows = &optimiser.order[environment * length..][..length];
            segment.gather(rollout, shape, environment, rows);
            segment.forward(&optimiser.network, optimiser.kernels, rollout, shape.observation_len, rows);
            segment.correct(&constants, rollout, shape.robots, rows);
        });
    });
}

/// Puts what the learner thinks of `rows` in the place of what the actors thought. Advantages are normalised over the
/// minibatch.
fn replace(segments: &[Segment], rows: &[u32], rollout: &mut Rollout, anchor: Option<&Anchor>) {
    let mut advantages: Vec<f32> = segments.iter().flat_map(|segment| &segment.advantages).copied().collect();
    gae::normalise(&mut advantages);
    let length = rows.len() / segments.len().max(1);
    for (i, (&row, advantage)) in rows.iter().zip(advantages).enumerate() {
        let (segment, at, row) = (&segments[i / length], i % length, row as usize);
        rollout.values[row] = segment.values[at];
        rollout.returns[row] = segment.targets[at];
        rollout.advantages[row] = advantage + anchor.map_or(0.0, |anchor| anchor.pay(rollout, row));
    }
}

/// One environment's part of a rollout, in the order (step, robot), and what the learner makes of it.
struct Segment {
    rewards: Vec<f32>,
    ends: Vec<End>,
    final_values: Vec<f32>,
    next_values: Vec<f32>,
    log_probs: Vec<f32>,
    values: Vec<f32>,
    advantages: Vec<f32>,
    targets: Vec<f32>,
    forward: Duration,
    activations: Activations,
}

impl Segment {
    fn new(network: &Network, shape: RolloutShape) -> Self {
        let column = || vec![0.0; shape.steps * shape.robots];
        Self {
            rewards: column(),
            ends: vec![End::Continues; shape.steps],
            final_values: column(),
            next_values: vec![0.0; shape.robots],
            log_probs: column(),
            values: column(),
            advantages: column(),
            targets: column(),
            forward: Duration::ZERO,
            activations: Activations::new(network.shape()),
        }
    }

    /// Copies what the actors saw happen.
    fn gather(&mut self, rollout: &Rollout, shape: RolloutShape, environment: usize, rows: &[u32]) {
        for (at, &row) in rows.iter().enumerate() {
            let row = row as usize;
            self.rewards[at] = rollout.rewards[row];
            self.final_values[at] = rollout.final_values[row];
            self.ends[at / shape.robots] = rollout.ends[row / shape.robots];
        }
        self.next_values.copy_from_slice(&rollout.next_values[environment * shape.robots..][..shape.robots]);
    }

    /// ln π and V of the current parameters.
    fn forward(&mut self, network: &Network, kernels: Kernels, rollout: &Rollout, width: usize, rows: &[u32]) {
        let started = Instant::now();
        for (part, index) in rows.chunks(CHUNK).enumerate() {
            network.forward(kernels, Rows { data: &rollout.observations, stride: width, index }, &mut self.activations);
            let at = part * CHUNK..part * CHUNK + index.len();
            kernels.run(Evaluation {
                heads: self.activations.heads(),
                index,
                rollout,
                log_probs: &mut self.log_probs[at.clone()],
                values: &mut self.values[at],
            });
        }
        self.forward = started.elapsed();
    }

    fn correct(&mut self, constants: &VTrace, rollout: &Rollout, robots: usize, rows: &[u32]) {
        let log_ratio = |(&row, log_prob): (&u32, &f32)| log_prob - rollout.log_probs[row as usize];
        let log_ratios: Vec<f32> = rows.iter().zip(&self.log_probs).map(log_ratio).collect();
        let segment = gae::Segment {
            robots,
            rewards: &self.rewards,
            values: &self.values,
            ends: &self.ends,
            final_values: &self.final_values,
            next_values: &self.next_values,
        };
        let (advantages, targets) = (&mut self.advantages, &mut self.targets);
        constants.estimate(&segment, &log_ratios, &mut Corrected { advantages, targets });
    }
}

/// Reads log-probabilities of the actions taken, and values, from the heads.
struct Evaluation<'a> {
    heads: &'a [f32],
    index: &'a [u32],
    rollout: &'a Rollout,
    log_probs: &'a mut [f32],
    values: &'a mut [f32],
}

impl Compiled for Evaluation<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (i, (heads, &row)) in self.heads.as_chunks::<HEADS>().0.iter().zip(self.index).enumerate() {
            let policy = Categorical::new(heads, self.rollout.masks[row as usize]);
            let action = usize::from(self.rollout.actions[row as usize]) % ACTIONS;
            self.log_probs[i] = policy.log_probabilities[action];
            self.values[i] = heads[VALUE];
        }
    }
}
