//! Hyperbolic tangent and the logistic function.

use super::exp::exp_within_bounds;
use super::{Lanes, magnitude_and_sign, neg, polynomial};

/// Below it [`tanh`] is a polynomial, from it on an expression in `e^2x`.
const TANH_SPLIT: f32 = 0.625;

/// `(tanh(x) / x - 1) / x^2` in `x^2`, for `|x| <= 0.625`; relative error of tanh 2^-27.7.
const TANH: [f32; 5] =
    [-0.333_332_8, 0.133_314_06, -0.053_736_515, 0.020_628_167, -0.005_692_296_7];

/// Hyperbolic tangent. Error at most 2 ULP.
///
/// Odd to the bit; ±1 from |x| = 9.02 on; keeps the sign of zero and NaN.
#[inline(always)]
pub fn tanh<V: Lanes>(x: V) -> V {
    let (one, two) = (V::splat(1.0), V::splat(2.0));
    let (a, sign) = magnitude_and_sign(x);
    let square = a.mul(a);
    let small = a.mul(square).fma(polynomial(square, &TANH), a);
    // tanh is 1 long before 10; NaN passes.
    let bounded = V::splat(10.0).min_or_other(a);
    let e = exp_within_bounds(bounded.add(bounded));
    let large = one.sub(two.div(e.add(one)));
    V::select(a.lt(V::splat(TANH_SPLIT)), small, large).xor(sign)
}

/// `1 / (1 + e^-x)`. Error at most 2 ULP.
///
/// Never overflows on the way; results down to the denormals for `x` towards -103.97.
#[inline(always)]
pub fn sigmoid<V: Lanes>(x: V) -> V {
    let one = V::splat(1.0);
    let (a, _) = magnitude_and_sign(x);
    // e^-|x| <= 1: the result is e / (1 + e) for negative x, 1 / (1 + e) else.
    let e = exp_within_bounds(V::splat(-104.0).max_or_other(neg(a)));
    let negative = x.lt(V::splat(0.0));
    let quotient = V::select(negative, e, one).div(one.add(e));
    // e / (1 + e) = e - e (e / (1 + e)): shrinks the roundings of the quotient by e.
    V::select(negative, neg(e).fma(quotient, e), quotient)
}
