//! One source of a hot loop, compiled for the vector units that the machine may have.
//!
//! Kernels are ordinary safe Rust over fixed-size arrays. They use integers, and floating point only for exact conversions and
//! single multiplications, so every version gives the same bits.

/// The best vector unit of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simd {
    /// Whatever the target guarantees.
    Portable,
    /// 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2(Proof),
    /// 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512(Proof),
}

/// Only [`Simd::available`] makes one, so holding it proves that the machine has the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof(());

/// A hot loop. `run` must be `#[inline(always)]`, or it is not compiled for the vector unit.
pub(crate) trait Kernel {
    /// What the loop computes.
    type Output;

    fn run(self) -> Self::Output;
}

impl Simd {
    /// The best unit of this machine.
    pub fn detect() -> Self {
        Self::available()[0]
    }

    /// All units of this machine, the best first.
    pub fn available() -> &'static [Self] {
        static AVAILABLE: std::sync::OnceLock<Vec<Simd>> = std::sync::OnceLock::new();
        AVAILABLE.get_or_init(look)
    }

    /// The name, to be recorded with a run.
    pub const fn name(self) -> &'static str {
        match self {
            Simd::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512(_) => "avx512",
        }
    }

    /// Runs the kernel on this unit.
    #[inline(always)]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Simd::Portable => kernel.run(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: only `look` makes a proof, after it has seen the feature.
            Simd::Avx2(_) => unsafe { run_avx2(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Simd::Avx512(_) => unsafe { run_avx512(kernel) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn look() -> Vec<Simd> {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt");
    let avx512 = avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    let found =
        [avx512.then_some(Simd::Avx512(Proof(()))), avx2.then_some(Simd::Avx2(Proof(()))), Some(Simd::Portable)];
    found.into_iter().flatten().collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn look() -> Vec<Simd> {
    vec![Simd::Portable]
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
