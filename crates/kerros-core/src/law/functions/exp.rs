//! `e^x` and `e^x - 1`: reduction by whole powers of two, then a polynomial.

use super::{LN_2, Lanes, magnitude_and_sign, polynomial};

/// Adding it to a number below 2^21 rounds that to a whole number `n` and leaves `n + 254` in
/// the low bits: 254 is twice the exponent bias, one for each half of a power of two.
const ROUND_TO_WHOLE: f32 = 12_582_912.0 + 254.0;
/// The same with `n + 126` in the low bits: the exponent field of `2^(n - 1)`.
const ROUND_TO_HALVED_POWER: f32 = 12_582_912.0 + 126.0;

/// `e^r` for `|r| <= ln 2 / 2`, relative error 2^-28.2.
const EXP: [f32; 7] =
    [1.0, 1.0, 0.499_999_94, 0.166_665_17, 0.041_668_106, 0.008_369_131, 0.001_383_643_5];
/// `(e^r - 1 - r) / r^2` for `|r| <= ln 2 / 2`; relative error of `e^r - 1` 2^-28.1.
const EXPM1: [f32; 6] =
    [0.5, 0.166_666_36, 0.041_666_51, 0.008_341_51, 0.001_393_054_3, 0.000_150_459_03];

/// `e^x`. Error at most 1 ULP, denormal results included.
///
/// Overflows to infinity above 88.7228, underflows to 0 below -103.972; NaN stays NaN.
#[inline(always)]
pub fn exp<V: Lanes>(x: V) -> V {
    // Outside these bounds the result is infinite or 0 anyway; NaN passes.
    exp_within_bounds(V::splat(-104.0).max_or_other(V::splat(89.0).min_or_other(x)))
}

/// [`exp`] of `-104 <= x <= 89` or NaN.
#[inline(always)]
pub(super) fn exp_within_bounds<V: Lanes>(x: V) -> V {
    let (shifted, r) = reduce(x, ROUND_TO_WHOLE);
    times_power_of_two(polynomial(r, &EXP), shifted)
}

/// `x = n ln 2 + r` with whole `n`: gives `shift + n`, whose low bits hold `n`, and `r`.
#[inline(always)]
fn reduce<V: Lanes>(x: V, shift: f32) -> (V, V) {
    let shifted = x.fma(V::splat(std::f32::consts::LOG2_E), V::splat(shift));
    let n = shifted.sub(V::splat(shift));
    let r = n.fma(V::splat(-LN_2[0]), x);
    (shifted, n.fma(V::splat(-LN_2[1]), r))
}

/// `round(x)` as [`times_power_of_two`] takes it, and as a number, for `|x| <= 200`.
#[inline(always)]
pub(super) fn whole_power<V: Lanes>(x: V) -> (V, V) {
    let shifted = x.add(V::splat(ROUND_TO_WHOLE));
    (shifted, shifted.sub(V::splat(ROUND_TO_WHOLE)))
}

/// `p * 2^n` for `n + 254` in the low bits of `shifted`, one rounding even where the result
/// is denormal: two factors, of which the first keeps `p` normal.
#[inline(always)]
pub(super) fn times_power_of_two<V: Lanes>(p: V, shifted: V) -> V {
    // Shifting by 23 drops all but the low 9 bits: these are the bits of 2^(n/2) ...
    let first_half = shifted.shr::<1>().shl::<23>();
    // ... and of 2^(n - n/2): both biases are in n + 254.
    let second_half = shifted.shl::<23>().int_sub(first_half);
    p.mul(first_half).mul(second_half)
}

/// `e^x - 1`, accurate near 0. Error at most 1.5 ULP.
///
/// Overflows to infinity above 88.7228; -1 below -17.4; keeps the sign of zero and NaN.
#[inline(always)]
pub fn expm1<V: Lanes>(x: V) -> V {
    let bounded = V::splat(-25.0).max_or_other(V::splat(89.0).min_or_other(x));
    let (shifted, r) = reduce(bounded, ROUND_TO_HALVED_POWER);
    // Half of everything, because 2^128 does not exist: power = 2^(n - 1).
    let power = shifted.shl::<23>();
    // 2^n (1 + r + r^2 q) - 1 with the large terms first: (2^n - 1) + 2^n r, exact or nearly.
    let linear = power.fma(r, power.sub(V::splat(0.5)));
    let half = power.mul(r.mul(r)).fma(polynomial(r, &EXPM1), linear);
    // Halves of the tiniest numbers would be rounded; there e^x - 1 = x to the last bit.
    let (magnitude, _) = magnitude_and_sign(x);
    V::select(magnitude.lt(V::splat(1.0 / 67_108_864.0)), x, half.add(half))
}
