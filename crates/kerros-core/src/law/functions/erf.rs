//! The error function.

use super::exp::exp_within_bounds;
use super::{Lanes, magnitude_and_sign, neg, polynomial};

/// Below it [`erf`] is a polynomial, from it on `1 - e^-g`.
const SPLIT: f32 = 0.9277;
/// From here on erf is 1 to the last bit.
const SATURATED: f32 = 3.92;

/// `erf(x) / x - 1` in `x^2`, for `|x| <= 0.9277`; relative error of erf 2^-30.0.
const SMALL: [f32; 7] = [
    0.128_379_17,
    -0.376_126_3,
    0.112_836_26,
    -0.026_855_73,
    0.005_192_393_4,
    -0.000_804_954_5,
    7.995_286_4e-5,
];
/// `-log(1 - erf(x)) / x` for `0.927 <= x <= 3.92`; relative error of erf 2^-30.4.
const LARGE: [f32; 7] = [
    1.128_652_3,
    0.635_135_7,
    0.106_262_684,
    -0.023_784_291,
    0.003_652_969_8,
    -0.000_325_389_4,
    1.148_968_9e-5,
];

/// The error function, `2 / sqrt(pi)` times the integral of `e^-t^2` from 0 to `x`. Error at
/// most 1.5 ULP.
///
/// Odd to the bit; ±1 from |x| = 3.92 on; keeps the sign of zero and NaN.
#[inline(always)]
pub fn erf<V: Lanes>(x: V) -> V {
    let (a, sign) = magnitude_and_sign(x);
    let small = a.fma(polynomial(a.mul(a), &SMALL), a);
    let bounded = V::splat(SATURATED).min_or_other(a);
    let log_of_rest = neg(bounded.mul(polynomial(bounded, &LARGE)));
    let large = V::splat(1.0).sub(exp_within_bounds(log_of_rest));
    V::select(a.lt(V::splat(SPLIT)), small, large).xor(sign)
}
