//! Adam (Kingma and Ba, 2015, algorithm 1) over a flat parameter vector, with global-norm clipping.
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

use crate::kernels::{Compiled, Kernels};

/// First- and second-moment decay; the values of the paper.
const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;

/// Smaller gradients count as none. Moments are forgotten below magnitudes that change a parameter by less than any of its bits:
/// where the gradient stays 0, as under a feature that is always 0, they would decay to subnormal numbers, each of which takes
/// some processors more than a hundred cycles.
const LEAST_GRADIENT: f32 = 1e-17;
const LEAST_FIRST_MOMENT: f32 = 1e-30;
const LEAST_SECOND_MOMENT: f32 = 1e-34;

/// Moments and bias corrections.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// Exponential mean of the gradient (m).
    pub first_moment: Vec<f32>,
    /// Exponential mean of the squared gradient (v).
    pub second_moment: Vec<f32>,
    /// β₁ᵗ and β₂ᵗ, kept as running products because `powi` is not the same on every machine.
    pub beta1_power: f64,
    pub beta2_power: f64,
    /// ε of the paper; PPO implementations use 1e-5 (detail 3 of the "37 implementation details").
    epsilon: f32,
}

impl Adam {
    pub fn new(parameters: usize, epsilon: f32) -> Self {
        Self {
            first_moment: vec![0.0; parameters],
            second_moment: vec![0.0; parameters],
            beta1_power: 1.0,
            beta2_power: 1.0,
            epsilon,
        }
    }

    /// One descent step along `gradient`, first scaled down so that its Euclidean norm is at most `max_norm`, by all threads of the
    /// current pool. Returns the norm before clipping.
    pub fn step(
        &mut self,
        kernels: Kernels,
        parameters: &mut [f32],
        gradient: &[f32],
        learning_rate: f32,
        max_norm: f32,
    ) -> f32 {
        let norm = kernels.run(Norm(gradient));
        let clip = if norm > max_norm { max_norm / norm } else { 1.0 };
        self.beta1_power *= f64::from(BETA1);
        self.beta2_power *= f64::from(BETA2);
        let (step_size, second_correction, epsilon) = (
            (f64::from(learning_rate) / (1.0 - self.beta1_power)) as f32,
            (1.0 / (1.0 - self.beta2_power).sqrt()) as f32,
            self.epsilon,
        );
        let part = part_per_thread(gradient.len());
        let moments = self.first_moment.par_chunks_mut(part).zip(self.second_moment.par_chunks_mut(part));
        parameters.par_chunks_mut(part).zip(gradient.par_chunks(part)).zip(moments).for_each(
            |((parameters, gradient), (m, v))| {
                kernels.run(Step { clip, step_size, second_correction, epsilon, parameters, gradient, m, v });
            },
        );
        norm
    }
}

/// Parameters for each thread of the current pool, where what is done with one does not depend on the others.
pub fn part_per_thread(parameters: usize) -> usize {
    parameters.div_ceil(rayon::current_num_threads()).max(1)
}

/// Euclidean norm, summed in sixteen lanes and then across them: vectorised, and the same on every machine.
struct Norm<'a>(&'a [f32]);

impl Compiled for Norm<'_> {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        let mut lanes = [0.0_f64; 16];
        let (chunks, rest) = self.0.as_chunks::<16>();
        for chunk in chunks {
            for (lane, &g) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(g) * f64::from(g);
            }
        }
        let rest: f64 = rest.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
        (lanes.iter().sum::<f64>() + rest).sqrt() as f32
    }
}

struct Step<'a> {
    clip: f32,
    step_size: f32,
    second_correction: f32,
    epsilon: f32,
    parameters: &'a mut [f32],
    gradient: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl Compiled for Step<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { clip, step_size, second_correction, epsilon, parameters, gradient, m, v } = self;
        for (((p, &g), m), v) in parameters.iter_mut().zip(gradient).zip(m).zip(v) {
            let g = or_zero(g * clip, LEAST_GRADIENT);
            *m = BETA1.mul_add(or_zero(*m, LEAST_FIRST_MOMENT), (1.0 - BETA1) * g);
            *v = BETA2.mul_add(or_zero(*v, LEAST_SECOND_MOMENT), (1.0 - BETA2) * g * g);
            *p -= step_size * *m / v.sqrt().mul_add(second_correction, epsilon);
        }
    }
}

#[inline(always)]
fn or_zero(value: f32, least: f32) -> f32 {
    if value.abs() < least { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two steps by hand: with m̂ = g and v̂ = g² the first step is −lr·sign(g) (ε aside).
    #[test]
    fn two_steps_by_hand() {
        let kernels = Kernels::detect();
        let mut adam = Adam::new(2, 1e-8);
        let mut p = vec![1.0, -1.0];
        let norm = adam.step(kernels, &mut p, &[0.3, -0.4], 0.1, f32::INFINITY);
        assert!((norm - 0.5).abs() < 1e-7);
        assert!((p[0] - 0.9).abs() < 1e-6 && (p[1] + 0.9).abs() < 1e-6, "{p:?}");
        adam.step(kernels, &mut p, &[0.1, 0.0], 0.1, f32::INFINITY);
        // m = .9·.03 + .1·.1 = .037, m̂ = .037/.19; v = .999·9e-5 + .001·.01 = 9.991e-5, v̂ = v/.001999.
        let expected = 0.9 - 0.1 * (0.037 / 0.19) / (9.991e-5_f64 / 0.001_999).sqrt();
        assert!((f64::from(p[0]) - expected).abs() < 1e-6, "{} {expected}", p[0]);
    }

    #[test]
    fn the_global_norm_is_clipped() {
        let (mut clipped, mut scaled) = (Adam::new(40, 1e-5), Adam::new(40, 1e-5));
        let gradient: Vec<f32> = (0..40).map(|i| i as f32 - 20.0).collect();
        let norm = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
        let small: Vec<f32> = gradient.iter().map(|g| g * (0.5 / norm)).collect();
        let (mut a, mut b) = (vec![0.0; 40], vec![0.0; 40]);
        assert!((clipped.step(Kernels::detect(), &mut a, &gradient, 0.1, 0.5) - norm).abs() < 1e-3);
        scaled.step(Kernels::detect(), &mut b, &small, 0.1, f32::INFINITY);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    /// What is left of a gradient that has become 0, or of one that is next to nothing, ends as 0 without passing through subnormal
    /// numbers, and leaves the parameter alone.
    #[test]
    fn moments_are_never_subnormal() {
        let (kernels, mut adam) = (Kernels::detect(), Adam::new(3, 1e-5));
        let mut p = vec![1.0; 3];
        adam.step(kernels, &mut p, &[0.3, 1e-25, -1e-12], 0.1, f32::INFINITY);
        assert_eq!(p[1], 1.0);
        for _ in 0..100_000 {
            adam.step(kernels, &mut p, &[0.0; 3], 0.1, f32::INFINITY);
            assert!(adam.first_moment.iter().chain(&adam.second_moment).all(|m| !m.is_subnormal()), "{adam:?}");
        }
        assert_eq!((adam.first_moment, adam.second_moment), (vec![0.0; 3], vec![0.0; 3]));
    }
}
