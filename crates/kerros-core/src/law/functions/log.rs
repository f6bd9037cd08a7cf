//! Natural logarithms: the exponent apart, then a polynomial around 1.

use super::{LN_2, Lanes, polynomial};

/// The bits of `sqrt(1/2)`: mantissas are taken from there up to `sqrt(2)`.
const SQRT_HALF: u32 = 0x3f35_04f3;

/// `(log(1 + f) - f + f^2 / 2) / f^3` for `1 + f` from `sqrt(1/2)` to `sqrt(2)`; relative
/// error of the logarithm 2^-29.3.
const LOG: [f32; 9] = [
    0.333_333_13,
    -0.250_001_67,
    0.200_022_22,
    -0.166_593_73,
    0.142_096_39,
    -0.125_495_69,
    0.121_078_84,
    -0.109_170_064,
    0.053_425_66,
];

/// `x = 2^e (1 + f)` for normal positive `x`, `1 + f` from `sqrt(1/2)` to `sqrt(2)`.
pub(super) struct Parts<V> {
    /// `e` as the upper bits of an integer, shifted left by 23.
    exponent_bits: V,
    /// `e`.
    pub exponent: V,
    /// `f`, exact.
    pub fraction: V,
}

/// Takes a normal positive number apart.
#[inline(always)]
pub(super) fn parts<V: Lanes>(x: V) -> Parts<V> {
    let offset = x.int_sub(V::splat_bits(SQRT_HALF));
    let mantissa = offset.and(V::splat_bits(0x007f_ffff)).int_add(V::splat_bits(SQRT_HALF));
    Parts {
        exponent_bits: offset.and(V::splat_bits(0xff80_0000)),
        exponent: offset.int_shr::<23>().int_to_float(),
        fraction: mantissa.sub(V::splat(1.0)),
    }
}

/// Takes a positive number apart that may be denormal.
#[inline(always)]
pub(super) fn parts_of_any<V: Lanes>(x: V) -> Parts<V> {
    let denormal = x.lt(V::splat(f32::MIN_POSITIVE));
    let mut parts = parts(V::select(denormal, x.mul(V::splat(8_388_608.0)), x));
    let correction = V::select(denormal, V::splat(-23.0), V::splat(0.0));
    parts.exponent = parts.exponent.add(correction);
    parts
}

/// `e ln 2 + log(1 + f)`, smallest terms first.
#[inline(always)]
fn log_of_parts<V: Lanes>(e: V, f: V) -> V {
    let square = f.mul(f);
    let tail = square.mul(f).mul(polynomial(f, &LOG));
    let tail = e.fma(V::splat(LN_2[1]), tail);
    let tail = square.fma(V::splat(-0.5), tail);
    e.fma(V::splat(LN_2[0]), f.add(tail))
}

/// Puts in what the formula does not give: the pole where `y = 0`, NaN where `y < 0`, and
/// `y` itself where it is infinite or NaN.
#[inline(always)]
fn with_limits<V: Lanes>(y: V, value: V) -> V {
    let zero = V::splat(0.0);
    let value = V::select(y.lt(V::splat(f32::INFINITY)), value, y);
    let value = V::select(y.eq(zero), V::splat(f32::NEG_INFINITY), value);
    V::select(y.lt(zero), V::splat(f32::NAN), value)
}

/// Natural logarithm. Error at most 1 ULP.
///
/// Negative infinity for both zeros, NaN below 0, infinity for infinity; denormal arguments
/// count in full.
#[inline(always)]
pub fn log<V: Lanes>(x: V) -> V {
    let Parts { exponent, fraction, .. } = parts_of_any(x);
    with_limits(x, log_of_parts(exponent, fraction))
}

/// `log(1 + x)`, accurate near 0. Error at most 1.5 ULP.
///
/// Negative infinity for -1, NaN below, infinity for infinity; keeps the sign of zero.
#[inline(always)]
pub fn log1p<V: Lanes>(x: V) -> V {
    let one = V::splat(1.0);
    // y + lost = 1 + x exactly (Knuth's two-sum).
    let y = one.add(x);
    let rounded_x = y.sub(one);
    let lost = one.sub(y.sub(rounded_x)).add(x.sub(rounded_x));
    let Parts { exponent_bits, exponent, fraction } = parts(y);
    // What was lost belongs to the fraction, scaled like it by 2^-e; at e = 0 this restores
    // f = x. At e = 127 and 128 the scale is 0: what was lost no longer counts.
    let scale = V::splat_bits(0x3f80_0000).int_sub(exponent_bits).int_max(V::splat_bits(0));
    let value = log_of_parts(exponent, lost.fma(scale, fraction));
    V::select(x.eq(V::splat(0.0)), x, with_limits(y, value))
}
