//! Softmax and its logarithm over the last axis.

use kerros_core::law::Lanes;
use kerros_core::law::functions::{exp, log};

use crate::Isa;
use crate::lanes::{Kernel, dispatch};
use crate::reduce::fold::{Max, Sum};
use crate::reduce::row::{Elements, Numbers, fold_row, load, store};
use crate::reduce::short::ShortRows;

/// `y = e^(x - max) / sum(e^(x - max))` for each row; defined by
/// [`kerros_core::law::rows::softmax_row`].
///
/// # Shape
/// `x: [rows, len] -> y: [rows, len]`.
///
/// # Panics
/// When the slices differ in length or do not hold whole rows.
pub fn softmax(isa: Isa, len: usize, input: &[f32], output: &mut [f32]) {
    dispatch(isa, Rows::checked(len, false, input, output));
}

/// `y = (x - max) - log(sum(e^(x - max)))` for each row; defined by
/// [`kerros_core::law::rows::log_softmax_row`].
///
/// # Shape
/// `x: [rows, len] -> y: [rows, len]`.
///
/// # Panics
/// When the slices differ in length or do not hold whole rows.
pub fn log_softmax(isa: Isa, len: usize, input: &[f32], output: &mut [f32]) {
    dispatch(isa, Rows::checked(len, true, input, output));
}

struct Rows<'a> {
    len: usize,
    logarithm: bool,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl<'a> Rows<'a> {
    #[track_caller]
    fn checked(len: usize, logarithm: bool, input: &'a [f32], output: &'a mut [f32]) -> Self {
        assert_eq!(input.len(), output.len(), "lengths of input and output");
        assert!(input.len().checked_rem(len).unwrap_or(input.len()) == 0, "rows of {len}");
        Rows { len, logarithm, input, output }
    }
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        if self.len == 0 {
            return;
        }
        if ShortRows::<V>::worth(self.len) {
            let block = V::WIDTH * self.len;
            for (x, y) in self.input.chunks(block).zip(self.output.chunks_mut(block)) {
                short_rows::<V>(self.len, self.logarithm, x, y);
            }
            return;
        }
        let rows = self.input.chunks_exact(self.len).zip(self.output.chunks_exact_mut(self.len));
        if self.logarithm {
            for (x, y) in rows {
                log_softmax_row::<V>(x, y);
            }
        } else {
            for (x, y) in rows {
                softmax_row::<V>(x, y);
            }
        }
    }
}

/// The largest of a row, in all lanes.
#[inline(always)]
pub(crate) fn max_of_row<V: Lanes>(x: &[f32]) -> V {
    V::splat(fold_row::<V, Max, 4>(&mut Numbers(x), 0, x.len()))
}

/// `sum(e^(x - max))`, in all lanes.
#[inline(always)]
pub(crate) fn sum_of_powers<V: Lanes>(x: &[f32], max: V) -> V {
    V::splat(fold_row::<V, Sum, 1>(&mut Powers { x, max }, 0, x.len()))
}

/// `e^(x - max)`.
struct Powers<'a, V> {
    x: &'a [f32],
    max: V,
}

impl<V: Lanes> Elements<V> for Powers<'_, V> {
    #[inline(always)]
    fn at(&mut self, i: usize, count: usize) -> V {
        exp(load::<V>(&self.x[i..], count).sub(self.max))
    }
}

/// `e^(x - max)`, also written to `y`.
struct KeptPowers<'a, V> {
    x: &'a [f32],
    max: V,
    y: &'a mut [f32],
}

impl<V: Lanes> Elements<V> for KeptPowers<'_, V> {
    #[inline(always)]
    fn at(&mut self, i: usize, count: usize) -> V {
        let power = exp(load::<V>(&self.x[i..], count).sub(self.max));
        store(power, &mut self.y[i..], count);
        power
    }
}

/// Of a block of short rows: `x - max`, `e^(x - max)`, and the sum of that for each row.
#[inline(always)]
pub(crate) fn shifted_and_powers<V: Lanes>(
    len: usize,
    x: &[f32],
) -> (ShortRows<V>, ShortRows<V>, V) {
    let mut shifted = ShortRows::<V>::gather(len, x);
    let max = shifted.fold::<Max>();
    let mut powers = shifted;
    for (z, power) in shifted.used().iter_mut().zip(powers.used()) {
        *z = z.sub(max);
        *power = exp(*z);
    }
    let sum = powers.fold::<Sum>();
    (shifted, powers, sum)
}

/// As many rows as a register has lanes, or fewer.
#[inline(always)]
fn short_rows<V: Lanes>(len: usize, logarithm: bool, x: &[f32], y: &mut [f32]) {
    let (mut shifted, mut powers, sum) = shifted_and_powers::<V>(len, x);
    if logarithm {
        let log_sum = log(sum);
        for z in shifted.used() {
            *z = z.sub(log_sum);
        }
        shifted.scatter(y);
    } else {
        for power in powers.used() {
            *power = power.div(sum);
        }
        powers.scatter(y);
    }
}

#[inline(always)]
fn softmax_row<V: Lanes>(x: &[f32], y: &mut [f32]) {
    let len = x.len();
    let max = max_of_row::<V>(x);
    let mut powers = KeptPowers { x, max, y: &mut *y };
    let sum = V::splat(fold_row::<V, Sum, 1>(&mut powers, 0, len));
    let mut i = 0;
    while i < len {
        let count = V::WIDTH.min(len - i);
        let power: V = load(&y[i..], count);
        store(power.div(sum), &mut y[i..], count);
        i += count;
    }
}

#[inline(always)]
fn log_softmax_row<V: Lanes>(x: &[f32], y: &mut [f32]) {
    let max = max_of_row::<V>(x);
    let log_sum = log(sum_of_powers(x, max));
    let mut i = 0;
    while i < x.len() {
        let count = V::WIDTH.min(x.len() - i);
        let x: V = load(&x[i..], count);
        store(x.sub(max).sub(log_sum), &mut y[i..], count);
        i += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::tests::{numbers, words};
    use kerros_core::law::rows;

    fn check(len: usize, x: &[f32]) {
        type Definition = fn(&[f32], &mut [f32]);
        type Function = fn(Isa, usize, &[f32], &mut [f32]);
        let pairs: [(Definition, Function); 2] =
            [(rows::softmax_row, softmax), (rows::log_softmax_row, log_softmax)];
        for (which, (definition, function)) in pairs.into_iter().enumerate() {
            let mut expected = vec![0.0; x.len()];
            for (x, y) in x.chunks(len.max(1)).zip(expected.chunks_mut(len.max(1))) {
                definition(x, y);
            }
            for isa in Isa::available() {
                let mut y = vec![9.0; x.len()];
                function(isa, len, x, &mut y);
                assert_eq!(words(&y), words(&expected), "{which}, rows of {len}, {isa:?}");
            }
        }
    }

    #[test]
    fn rows_of_every_length() {
        for len in (1..70).chain([100, 1000, 4095, 4096, 4097, 10_000]) {
            let x: Vec<f32> = numbers(7, 3 * len).into_iter().map(|x| 8.0 * x).collect();
            check(len, &x);
        }
        check(0, &[]);
        check(5, &[]);
    }

    #[test]
    fn extreme_rows() {
        let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e4, -1e4, 89.0, -104.0, -0.0];
        for len in [1, 3, 10, 16, 17, 40] {
            for value in special {
                let mut x = numbers(8, 3 * len);
                x[len / 2] = value;
                x[len..2 * len].fill(value);
                x[3 * len - 1] = value;
                check(len, &x);
            }
        }
    }

    #[test]
    #[should_panic(expected = "rows of 3")]
    fn broken_rows_are_refused() {
        softmax(Isa::detect(), 3, &[0.0; 4], &mut [0.0; 4]);
    }
}
