//! Sine and cosine of radians.

use super::{Lanes, magnitude_and_sign, polynomial};

/// Adding it to a number below 2^22 rounds that to a whole number, found in the low bits.
const ROUND_TO_WHOLE: f32 = 12_582_912.0;
/// Beyond it the whole number of quarter turns is no longer exact.
const LARGEST_ANGLE: f32 = 4_194_304.0;
/// `pi / 2` in three parts of 24 bits, negated.
const MINUS_QUARTER_TURN: [f32; 3] = [-std::f32::consts::FRAC_PI_2, 4.371_139e-8, 1.715_124_5e-15];

/// `(sin(r) / r - 1) / r^2` in `r^2`, for `|r| <= pi / 4`; relative error of sin 2^-27.9.
const SIN: [f32; 3] = [-0.166_666_55, 0.008_332_188, -0.000_195_180_95];
/// `(cos(r) - 1 + r^2 / 2) / r^4` in `r^2`, for `|r| <= pi / 4`; error of cos 2^-33.0.
const COS: [f32; 3] = [0.041_666_646, -0.001_388_731, 2.443_232_7e-5];

/// Sine of radians. Error at most 2 ULP up to |x| = 1e5, also beside its zeros, and
/// at most 4e-7 up to 2^22.
///
/// Odd to the bit; keeps the sign of zero; NaN for infinities. Angles beyond 2^22 (where
/// neighbouring `f32` are 0.5 apart) count as 0.
#[inline(always)]
pub fn sin<V: Lanes>(x: V) -> V {
    let (a, sign) = magnitude_and_sign(x);
    quarter_turns(a, 0).xor(sign)
}

/// Cosine of radians. Error at most 2 ULP up to |x| = 1e5, also beside its zeros, and
/// at most 4e-7 up to 2^22.
///
/// Even to the bit; NaN for infinities. Angles beyond 2^22 (where neighbouring `f32` are 0.5
/// apart) count as 0.
#[inline(always)]
pub fn cos<V: Lanes>(x: V) -> V {
    let (a, _) = magnitude_and_sign(x);
    quarter_turns(a, 1)
}

/// `sin(a + ahead * pi / 2)` for `a >= 0`.
#[inline(always)]
fn quarter_turns<V: Lanes>(a: V, ahead: u32) -> V {
    // a * 0 is 0 for finite angles and NaN for the others.
    let a = V::select(a.le(V::splat(LARGEST_ANGLE)), a, a.mul(V::splat(0.0)));
    let shifted = a.fma(V::splat(std::f32::consts::FRAC_2_PI), V::splat(ROUND_TO_WHOLE));
    let n = shifted.sub(V::splat(ROUND_TO_WHOLE));
    // The first step is exact: both sides are multiples of 2^-24 and their difference is
    // below 1. The others round once each, relative to what is left, however small.
    let [first, second, third] = MINUS_QUARTER_TURN;
    let r = n.fma(V::splat(first), a);
    let r = n.fma(V::splat(third), n.fma(V::splat(second), r));
    let square = r.mul(r);
    let sine = r.mul(square).fma(polynomial(square, &SIN), r);
    let one_less = square.fma(V::splat(-0.5), V::splat(1.0));
    let cosine = square.mul(square).fma(polynomial(square, &COS), one_less);
    // Odd quarters turn sine into cosine, the second bit turns the sign.
    let quarter = shifted.int_add(V::splat_bits(ahead));
    let even = quarter.and(V::splat_bits(1)).int_eq(V::splat_bits(0));
    let sign = quarter.shr::<1>().shl::<31>();
    V::select(even, sine, cosine).xor(sign)
}
