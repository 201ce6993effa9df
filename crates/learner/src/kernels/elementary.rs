//! exp and ln for `f32`, written out, because the system's libm differs between machines.
//!
//! Both are the minimax polynomials of Cephes (`expf.c`, `logf.c`, S. Moshier), evaluated with fused multiply-adds;
//! the error is below 2 ulp. `mul_add` rounds once on every machine, so the bits are the same everywhere.

/// e^x; 0 below -87, and saturated above 88.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    if x < -87.0 {
        return 0.0;
    }
    let x = x.min(88.0);
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut p = 1.987_569_2e-4_f32;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p.mul_add(r, c);
    }
    let mantissa = (p * r).mul_add(r, r) + 1.0;
    mantissa * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

/// Natural logarithm of a positive normal number.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    debug_assert!(x >= f32::MIN_POSITIVE);
    let bits = x.to_bits();
    let mut exponent = (bits >> 23) as i32 - 126;
    let mut m = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
    if m < std::f32::consts::FRAC_1_SQRT_2 {
        exponent -= 1;
        m += m;
    }
    let r = m - 1.0;
    let square = r * r;
    let mut p = 7.037_683_6e-2_f32;
    for c in [
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ] {
        p = p.mul_add(r, c);
    }
    let e = exponent as f32;
    let tail = (p * r).mul_add(square, e * -2.121_944_4e-4);
    let tail = square.mul_add(-0.5, tail);
    e.mul_add(0.693_359_4, r + tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_ln_are_within_two_ulp_of_the_true_value() {
        for i in -8_600..8_700 {
            let x = i as f32 * 0.01;
            let truth = f64::from(x).exp();
            assert!((f64::from(exp(x)) - truth).abs() <= truth * 2.4e-7, "exp({x})");
        }
        for i in 1..200_000 {
            let x = i as f32 * 0.001;
            let truth = f64::from(x).ln();
            assert!((f64::from(ln(x)) - truth).abs() <= truth.abs() * 2.4e-7 + 1.2e-7, "ln({x})");
        }
        assert_eq!(exp(-100.0), 0.0);
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(ln(1.0), 0.0);
    }
}
