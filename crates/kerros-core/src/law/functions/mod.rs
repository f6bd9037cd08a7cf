//! Elementary functions as fixed sequences of IEEE operations, the same bits on every lane.
//!
//! Each is built from the operations of [`Lanes`] alone: additions, products, fused
//! multiply-adds, divisions, comparisons and arithmetic on bits. So one lane of the widest
//! register gives exactly what the scalar path gives, and the reference evaluator too.
//!
//! The polynomials are minimax fits (Remez exchange in 40 digits, coefficients rounded to
//! `f32` one by one, lowest first, the rest fitted again each time). An error bound in ULP is
//! the distance from the true value in units of the last place of the result (of the
//! smallest denormal where the result is denormal), checked against `f64`.

mod erf;
mod exp;
mod hyperbolic;
mod log;
mod pow;
#[cfg(test)]
mod tests;
mod trigonometric;

pub use erf::erf;
pub use exp::{exp, expm1};
pub use hyperbolic::{sigmoid, tanh};
pub use log::{log, log1p};
pub use pow::pow;
pub use trigonometric::{cos, sin};

use super::Lanes;

/// The bit that holds the sign.
const SIGN: u32 = 0x8000_0000;
/// `ln 2`: the nearest `f32`, and the nearest `f32` to the rest.
const LN_2: [f32; 2] = [std::f32::consts::LN_2, -1.904_654_2e-9];

/// `c[0] + c[1] x + c[2] x^2 + ..` by Horner's rule, fused.
#[inline(always)]
fn polynomial<V: Lanes, const N: usize>(x: V, c: &[f32; N]) -> V {
    // A plain loop: an iterator's closure is not certain to be inlined.
    let mut sum = V::splat(c[N - 1]);
    let mut power = N - 1;
    while power > 0 {
        power -= 1;
        sum = sum.fma(x, V::splat(c[power]));
    }
    sum
}

/// The magnitude of each lane, and its sign bit.
#[inline(always)]
fn magnitude_and_sign<V: Lanes>(x: V) -> (V, V) {
    (x.and(V::splat_bits(!SIGN)), x.and(V::splat_bits(SIGN)))
}

#[inline(always)]
fn neg<V: Lanes>(x: V) -> V {
    x.xor(V::splat_bits(SIGN))
}
