//! Powers: `2^(y log2 |x|)` with the logarithm in two `f32`, then the special cases.

use super::exp::{times_power_of_two, whole_power};
use super::log::{Parts, parts_of_any};
use super::{Lanes, SIGN, magnitude_and_sign, neg, polynomial};

/// `2 / ln 2` and a third of it, each in two parts: the first terms of
/// `log2((1 + s) / (1 - s)) = s (2 / ln 2) (1 + s^2 / 3 + s^4 / 5 + ..)`.
const FIRST: [f32; 2] = [2.885_39, 3.851_926e-8];
const SECOND: [f32; 2] = [0.961_796_7, -7.028_462e-9];
/// The other terms in `s^2`, for `|s| <= 0.1718`; relative error of the logarithm 2^-43.9.
const OTHERS: [f32; 4] = [0.577_078, 0.412_205_93, 0.320_011_8, 0.281_711_97];

/// `2^r` for `|r| <= 0.5005`, relative error 2^-31.9.
const EXP2: [f32; 8] = [
    1.0,
    std::f32::consts::LN_2,
    0.240_226_5,
    0.055_504_05,
    0.009_618_089,
    0.001_333_791_2,
    0.000_154_524_87,
    1.433_849_05e-5,
];

/// `x^y`. Error at most 1.5 ULP, denormal results included.
///
/// Special cases as C's `powf`: `x^0 = 1^y = 1` even for NaN; a negative `x` takes whole `y`
/// only (NaN else) and gives a negative result for odd `y`; zeros give infinities for
/// negative `y`, with the zero's sign for odd `y`; `(-1)^±inf = 1`.
#[inline(always)]
pub fn pow<V: Lanes>(x: V, y: V) -> V {
    let (zero, one, infinity) = (V::splat(0.0), V::splat(1.0), V::splat(f32::INFINITY));
    let (a, _) = magnitude_and_sign(x);
    let magnitude = power_of_magnitude(a, y);
    // log2(1) = 0 times an infinite y would be NaN.
    let magnitude = V::select(a.eq(one), one, magnitude);

    // From 2^24 on every number is whole and even, infinity included.
    let half = y.mul(V::splat(0.5));
    let (y_whole, half_whole) = (y.floor().eq(y), half.floor().eq(half));
    let no_sign = V::splat_bits(0);
    let sign_if_odd = V::select(y_whole, V::select(half_whole, no_sign, x), no_sign);
    let value = magnitude.xor(sign_if_odd.and(V::splat_bits(SIGN)));

    let fractional_power = V::select(y_whole, value, V::splat(f32::NAN));
    let below = V::select(a.lt(infinity), fractional_power, value);
    let value = V::select(x.lt(zero), below, value);
    let value = V::select(y.is_nan(), y, value);
    V::select(x.eq(one), one, V::select(y.eq(zero), one, value))
}

/// `a^y` for `a >= 0` or NaN, but for `1^±inf`.
#[inline(always)]
fn power_of_magnitude<V: Lanes>(a: V, y: V) -> V {
    let (zero, infinity) = (V::splat(0.0), V::splat(f32::INFINITY));
    let [log, log_tail] = log2(a);
    let log = V::select(a.lt(infinity), log, a);
    let log = V::select(a.eq(zero), neg(infinity), log);

    let product = y.mul(log);
    let tail = y.fma(log_tail, y.fma(log, neg(product)));
    // Beyond 200 the result is infinite or 0, and the tail is NaN where the product is
    // infinite. A NaN product passes.
    let bound = V::splat(200.0);
    let (size, _) = magnitude_and_sign(product);
    let tail = V::select(size.lt(bound), tail, zero);
    let product = neg(bound).max_or_other(bound.min_or_other(product));
    let (shifted, n) = whole_power(product);
    let r = product.sub(n).add(tail);
    times_power_of_two(polynomial(r, &EXP2), shifted)
}

/// `log2(x)` for finite positive `x` as a number and its tail; relative error about 2^-40.
#[inline(always)]
fn log2<V: Lanes>(x: V) -> [V; 2] {
    let Parts { exponent, fraction: f, .. } = parts_of_any(x);
    // s = f / (2 + f), the tails of each step beside it.
    let two = V::splat(2.0);
    let d = two.add(f);
    let d_tail = f.sub(d.sub(two));
    let reciprocal = V::splat(1.0).div(d);
    let s = f.mul(reciprocal);
    let remainder = neg(s).fma(d_tail, neg(s).fma(d, f));
    let s_tail = remainder.mul(reciprocal);
    // z = s^2
    let z = s.mul(s);
    let z_tail = s.add(s).fma(s_tail, s.fma(s, neg(z)));
    // t = SECOND + z * OTHERS
    let others = z.mul(polynomial(z, &OTHERS));
    let t = V::splat(SECOND[0]).add(others);
    let t_tail = V::splat(SECOND[0]).sub(t).add(others).add(V::splat(SECOND[1]));
    // w = z t
    let w = z.mul(t);
    let w_tail = z.fma(t_tail, z_tail.fma(t, z.fma(t, neg(w))));
    // l = FIRST + w
    let l = V::splat(FIRST[0]).add(w);
    let l_tail = V::splat(FIRST[0]).sub(l).add(w).add(w_tail.add(V::splat(FIRST[1])));
    // m = s l = log2(1 + f), then the exponent, which is 0 or larger than m.
    let m = s.mul(l);
    let m_tail = s_tail.fma(l, s.fma(l_tail, s.fma(l, neg(m))));
    let log = exponent.add(m);
    [log, exponent.sub(log).add(m).add(m_tail)]
}
