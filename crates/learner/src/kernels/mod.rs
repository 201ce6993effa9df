//! Numeric kernels: the same bits on every processor, fast on those with vector units.
mod aligned;
pub mod elementary;
mod gemm;
mod lanes;
mod patches;
mod sparse;

pub use aligned::Aligned;
use gemm::Inputs;
pub use gemm::{Finish, Rows};
pub use patches::{PatchLayout, Patches};
pub use sparse::MOST_COLUMNS;

/// The instruction set a kernel was compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512F (with AVX2 and FMA).
    Avx512,
}

impl InstructionSet {
    /// The name to record with a run.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2+fma",
            Self::Avx512 => "avx512f",
        }
    }
}

/// Matrix products on one instruction set. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Kernels(InstructionSet);

/// Portable code to be compiled for each instruction set: [`Kernels::run`] calls the variant for this processor.
///
/// `run` must be `#[inline(always)]`. It may use `mul_add` (one instruction where the processor has it) and is
/// vectorised by the compiler, which never reorders floating-point arithmetic: every variant gives the same bits.
pub trait Compiled {
    type Output;
    fn run(self) -> Self::Output;
}

/// Calls a kernel in the variant for this processor and this many outputs.
macro_rules! dispatch {
    ($kernels:expr, $outputs:expr, $module:ident::$kernel:ident($($argument:expr),*)) => {
        match $kernels.0 {
            InstructionSet::Portable => $module::$kernel::<lanes::Portable, 1>($($argument),*),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 if $outputs.is_multiple_of(64) => x86::avx512::$module::$kernel($($argument),*),
            #[cfg(target_arch = "x86_64")]
            _ if $outputs.is_multiple_of(16) => x86::avx2_by_two::$module::$kernel($($argument),*),
            #[cfg(target_arch = "x86_64")]
            _ => x86::avx2::$module::$kernel($($argument),*),
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("vector kernels exist on x86-64 only"),
        }
    };
}

impl Kernels {
    /// The best this processor has.
    pub fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self(InstructionSet::Portable))
    }

    /// All that this processor can run, slowest first.
    pub fn available() -> Vec<Self> {
        let mut found = vec![Self(InstructionSet::Portable)];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("popcnt") {
            found.push(Self(InstructionSet::Avx2));
            if is_x86_feature_detected!("avx512f") {
                found.push(Self(InstructionSet::Avx512));
            }
        }
        found
    }

    pub fn instruction_set(self) -> InstructionSet {
        self.0
    }

    /// `out[b][j] = finish(bias[j] + Σ_k x[b][k]·w[k][j])` for the rows `b` of `x`.
    ///
    /// `weights` is `inner × outputs` row-major, `out` is `rows × outputs`, `outputs` a multiple of 8.
    ///
    /// # Panics
    /// When a length does not fit the others: that is a programming error, never an input error.
    pub fn affine(
        self,
        x: impl Inputs,
        weights: &[f32],
        bias: Option<&[f32]>,
        finish: Finish,
        out: &mut [f32],
        outputs: usize,
    ) {
        check_affine(x, weights, bias, finish, out, outputs);
        // SAFETY: lengths were just checked; a vector variant is only constructed after detecting its features.
        unsafe { dispatch!(self, outputs, gemm::affine(x, weights, bias, finish, out, outputs)) }
    }

    /// `gradient[k][j] += Σ_b x[b][k]·delta[b][j]` over the rows `b` of `x`.
    ///
    /// `delta` is `rows × outputs`, `gradient` is `inner × outputs`, `outputs` a multiple of 8.
    ///
    /// # Panics
    /// As [`Kernels::affine`].
    pub fn outer(self, x: impl Inputs, delta: &[f32], gradient: &mut [f32], outputs: usize) {
        check_outer(x, delta, gradient, outputs);
        // SAFETY: as above.
        unsafe { dispatch!(self, outputs, gemm::outer(x, delta, gradient, outputs)) }
    }

    /// [`Kernels::affine`] where most elements of `x` are 0: their terms cost little, and leaving them out changes nothing
    /// as long as the weights are finite. A result is never −0.
    ///
    /// # Panics
    /// As [`Kernels::affine`], and with more than [`MOST_COLUMNS`] columns.
    pub fn affine_sparse(
        self,
        x: Rows,
        weights: &[f32],
        bias: Option<&[f32]>,
        finish: Finish,
        out: &mut [f32],
        outputs: usize,
    ) {
        check_affine(x, weights, bias, finish, out, outputs);
        assert!(weights.len() / outputs <= MOST_COLUMNS, "the input matrix is too wide");
        // SAFETY: as above.
        unsafe { dispatch!(self, outputs, sparse::affine(x, weights, bias, finish, out, outputs)) }
    }

    /// [`Kernels::outer`] where most elements of `x` are 0, as [`Kernels::affine_sparse`].
    ///
    /// # Panics
    /// As [`Kernels::affine_sparse`].
    pub fn outer_sparse(self, x: Rows, delta: &[f32], gradient: &mut [f32], outputs: usize) {
        check_outer(x, delta, gradient, outputs);
        assert!(gradient.len() / outputs <= MOST_COLUMNS, "the input matrix is too wide");
        // SAFETY: as above.
        unsafe { dispatch!(self, outputs, sparse::outer(x, delta, gradient, outputs)) }
    }

    /// `sums[j] += Σ_b delta[b][j]`, b ascending: the gradient of a bias.
    pub fn column_sums(self, delta: &[f32], sums: &mut [f32]) {
        self.run(ColumnSums { delta, sums });
    }

    /// Runs `task` compiled for this instruction set.
    pub fn run<T: Compiled>(self, task: T) -> T::Output {
        match self.0 {
            InstructionSet::Portable => task.run(),
            // SAFETY: a vector variant is only constructed after detecting its features.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => unsafe { x86::run_256(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => unsafe { x86::run_512(task) },
            #[cfg(not(target_arch = "x86_64"))]
            _ => task.run(),
        }
    }

    /// Runs the processor's multiply-add units alone, and says how many multiply-adds that were: the limit that
    /// benchmarks compare the kernels with.
    pub fn multiply_add_limit(self, iterations: u64) -> u64 {
        // SAFETY: a vector variant is only constructed after detecting its features.
        unsafe {
            match self.0 {
                InstructionSet::Portable => gemm::multiply_adds::<lanes::Portable, 8>(iterations),
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx2 => x86::multiply_adds_256(iterations),
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512 => x86::multiply_adds_512(iterations),
                #[cfg(not(target_arch = "x86_64"))]
                _ => unreachable!("vector kernels exist on x86-64 only"),
            }
        }
    }
}

struct ColumnSums<'a> {
    delta: &'a [f32],
    sums: &'a mut [f32],
}

impl Compiled for ColumnSums<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for row in self.delta.chunks_exact(self.sums.len()) {
            for (sum, value) in self.sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

fn check_affine(x: impl Inputs, weights: &[f32], bias: Option<&[f32]>, finish: Finish, out: &[f32], outputs: usize) {
    assert!(outputs > 0 && outputs.is_multiple_of(8) && weights.len().is_multiple_of(outputs));
    assert!(x.holds(weights.len() / outputs), "the input matrix is too small");
    assert_eq!(out.len(), x.rows() * outputs);
    assert!(bias.is_none_or(|bias| bias.len() == outputs));
    assert!(!matches!(finish, Finish::Gate(gate) if gate.len() != out.len()));
}

fn check_outer(x: impl Inputs, delta: &[f32], gradient: &[f32], outputs: usize) {
    assert!(outputs > 0 && outputs.is_multiple_of(8) && gradient.len().is_multiple_of(outputs));
    assert!(x.holds(gradient.len() / outputs), "the input matrix is too small");
    assert_eq!(delta.len(), x.rows() * outputs);
}

/// The generic kernels, compiled once per instruction set.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::gemm;
    use super::lanes::{Avx2, Avx512};

    macro_rules! compile {
        ($set:ident, $features:literal, $lanes:ident, $vectors:literal) => {
            pub mod $set {
                compile!(gemm, impl crate::kernels::Inputs, $features, $lanes, $vectors);
                compile!(sparse, crate::kernels::Rows, $features, $lanes, $vectors);
            }
        };
        ($module:ident, $inputs:ty, $features:literal, $lanes:ident, $vectors:literal) => {
            pub mod $module {
                use crate::kernels::{Finish, lanes::$lanes, $module};

                #[target_feature(enable = $features)]
                pub unsafe fn affine(
                    x: $inputs,
                    w: &[f32],
                    bias: Option<&[f32]>,
                    finish: Finish,
                    out: &mut [f32],
                    n: usize,
                ) {
                    // SAFETY: the features are enabled here; lengths are the caller's promise.
                    unsafe { $module::affine::<$lanes, $vectors>(x, w, bias, finish, out, n) }
                }
                #[target_feature(enable = $features)]
                pub unsafe fn outer(x: $inputs, delta: &[f32], gradient: &mut [f32], n: usize) {
                    // SAFETY: as above.
                    unsafe { $module::outer::<$lanes, $vectors>(x, delta, gradient, n) }
                }
            }
        };
    }

    #[target_feature(enable = "avx512f,avx2,fma,popcnt")]
    pub unsafe fn run_512<T: super::Compiled>(task: T) -> T::Output {
        task.run()
    }
    #[target_feature(enable = "avx2,fma,popcnt")]
    pub unsafe fn run_256<T: super::Compiled>(task: T) -> T::Output {
        task.run()
    }
    #[target_feature(enable = "avx512f,avx2,fma,popcnt")]
    pub unsafe fn multiply_adds_512(iterations: u64) -> u64 {
        // SAFETY: the features are enabled here.
        unsafe { gemm::multiply_adds::<Avx512, 12>(iterations) }
    }
    #[target_feature(enable = "avx2,fma,popcnt")]
    pub unsafe fn multiply_adds_256(iterations: u64) -> u64 {
        // SAFETY: the features are enabled here.
        unsafe { gemm::multiply_adds::<Avx2, 12>(iterations) }
    }

    compile!(avx512, "avx512f,avx2,fma,popcnt", Avx512, 4);
    compile!(avx2_by_two, "avx2,fma,popcnt", Avx2, 2);
    compile!(avx2, "avx2,fma,popcnt", Avx2, 1);
}
