//! One vector register of `f32`s, on every instruction set we know.
//!
//! The kernels are generic over [`Lanes`]. Each operation is exact IEEE 754 arithmetic on one lane (a fused
//! multiply-add rounds once), so that the width of a register never changes a bit of a result.
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// A register of `WIDTH` lanes.
///
/// # Safety
/// Implementations may use instructions that the processor must have: call them only from functions compiled for,
/// and reached after detecting, that instruction set. Pointers must be valid for `WIDTH` floats.
pub unsafe trait Lanes {
    type Register: Copy;
    const WIDTH: usize;
    unsafe fn load(from: *const f32) -> Self::Register;
    unsafe fn store(to: *mut f32, value: Self::Register);
    unsafe fn splat(value: f32) -> Self::Register;
    /// `a * b + c`, rounded once.
    unsafe fn fused(a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register;
    unsafe fn add(a: Self::Register, b: Self::Register) -> Self::Register;
    /// `value` where `gate > 0`, else +0.
    unsafe fn where_positive(gate: Self::Register, value: Self::Register) -> Self::Register;
    /// The bits of `a` and those of `b`.
    unsafe fn or(a: Self::Register, b: Self::Register) -> Self::Register;
    /// One bit for each lane, the first lane's lowest: whether any of its bits is set (so it is for −0).
    unsafe fn nonzero(value: Self::Register) -> u32;
}

/// Eight lanes of plain Rust: the definition the others are tested against.
pub struct Portable;

// SAFETY: uses no special instructions.
unsafe impl Lanes for Portable {
    type Register = [f32; 8];
    const WIDTH: usize = 8;
    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 8] {
        // SAFETY: the caller vouches for eight readable floats.
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: [f32; 8]) {
        // SAFETY: the caller vouches for eight writable floats.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(value) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 8] {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn fused(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
    #[inline(always)]
    unsafe fn where_positive(gate: [f32; 8], value: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| if gate[lane] > 0.0 { value[lane] } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    unsafe fn or(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| f32::from_bits(a[lane].to_bits() | b[lane].to_bits()))
    }
    #[inline(always)]
    unsafe fn nonzero(value: [f32; 8]) -> u32 {
        (0..8).map(|lane| u32::from(value[lane].to_bits() != 0) << lane).sum()
    }
}

/// Eight lanes of AVX2 with FMA.
#[cfg(target_arch = "x86_64")]
pub struct Avx2;

// SAFETY: needs AVX2 and FMA, which `Kernels::detect` checks.
#[cfg(target_arch = "x86_64")]
unsafe impl Lanes for Avx2 {
    type Register = __m256;
    const WIDTH: usize = 8;
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m256) {
        unsafe { _mm256_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn fused(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn where_positive(gate: __m256, value: __m256) -> __m256 {
        unsafe { _mm256_and_ps(value, _mm256_cmp_ps::<_CMP_GT_OQ>(gate, _mm256_setzero_ps())) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn or(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_or_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn nonzero(value: __m256) -> u32 {
        unsafe {
            let zero = _mm256_cmpeq_epi32(_mm256_castps_si256(value), _mm256_setzero_si256());
            !_mm256_movemask_ps(_mm256_castsi256_ps(zero)) as u32 & 0xFF
        }
    }
}

/// Sixteen lanes of AVX-512F.
#[cfg(target_arch = "x86_64")]
pub struct Avx512;

// SAFETY: needs AVX-512F, which `Kernels::detect` checks.
#[cfg(target_arch = "x86_64")]
unsafe impl Lanes for Avx512 {
    type Register = __m512;
    const WIDTH: usize = 16;
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m512) {
        unsafe { _mm512_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn fused(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn where_positive(gate: __m512, value: __m512) -> __m512 {
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_setzero_ps()), value) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn or(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(a), _mm512_castps_si512(b))) }
    }
    #[inline(always)]
    unsafe fn nonzero(value: __m512) -> u32 {
        unsafe {
            let bits = _mm512_castps_si512(value);
            u32::from(_mm512_test_epi32_mask(bits, bits))
        }
    }
}
