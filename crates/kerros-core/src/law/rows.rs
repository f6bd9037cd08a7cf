//! Functions of whole rows: softmax, cross-entropy, sums of squares, running sums, the place
//! of the largest and the order of sorting.
//!
//! Sums and maxima along a row follow [`reduce::along_row`]; everything else is one rounding
//! (or one elementary function) at a time, in the order written.

use std::cmp::Ordering;

use super::functions::{exp, log};
use super::reduce;
use crate::program::Binary;

/// The largest of a row by the law: NaN when any is, `-inf` of an empty row.
pub fn max_of_row(x: &[f32]) -> f32 {
    reduce::along_row(x.len(), f32::NEG_INFINITY, |i| x[i], |a, b| Binary::Max.apply(a, b))
}

/// `max` of the row and `sum(e^(x - max))`.
fn max_and_sum_of_powers(x: &[f32]) -> (f32, f32) {
    let max = max_of_row(x);
    (max, reduce::along_row(x.len(), 0.0f32, |i| exp(x[i] - max), |a, b| a + b))
}

/// `out = e^(x - max) / sum(e^(x - max))`.
///
/// # Panics
/// When `out` is shorter than `x`; so do the functions below.
pub fn softmax_row(x: &[f32], out: &mut [f32]) {
    let (max, sum) = max_and_sum_of_powers(x);
    for (i, &x) in x.iter().enumerate() {
        out[i] = exp(x - max) / sum;
    }
}

/// `out = (x - max) - log(sum(e^(x - max)))`.
pub fn log_softmax_row(x: &[f32], out: &mut [f32]) {
    let (max, sum) = max_and_sum_of_powers(x);
    let log_sum = log(sum);
    for (i, &x) in x.iter().enumerate() {
        out[i] = (x - max) - log_sum;
    }
}

/// Cross-entropy of one class from logits: `log(sum(e^(x - max))) - (x[label] - max)`; NaN
/// when the label is not one of the classes.
pub fn sparse_cross_entropy_row(x: &[f32], label: i32) -> f32 {
    let (max, sum) = max_and_sum_of_powers(x);
    let hit = usize::try_from(label).ok().and_then(|label| x.get(label));
    hit.map_or(f32::NAN, |x| log(sum) - (x - max))
}

/// Cross-entropy of a distribution from logits:
/// `sum(target * (log(sum(e^(x - max))) - (x - max)))`.
pub fn cross_entropy_row(x: &[f32], target: &[f32]) -> f32 {
    let (max, sum) = max_and_sum_of_powers(x);
    let log_sum = log(sum);
    let term = |i: usize| target[i] * (log_sum - (x[i] - max));
    reduce::along_row(x.len(), 0.0f32, term, |a, b| a + b)
}

/// `sum(x * x)`, each square rounded and then added along the row.
pub fn sum_of_squares(x: &[f32]) -> f32 {
    reduce::along_row(x.len(), 0.0f32, |i| x[i] * x[i], |a, b| a + b)
}

/// Running sums of `len` numbers, given to `write` with their place in the order of adding:
/// `x(0)`, `x(0) + x(1)`, and so on. Exclusive ones start with 0 and leave out the last.
pub fn running_sums(
    len: usize,
    exclusive: bool,
    x: impl Fn(usize) -> f32,
    mut write: impl FnMut(usize, f32),
) {
    let mut total = 0.0;
    for i in 0..len {
        let with_this = if i == 0 { x(0) } else { total + x(i) };
        write(i, if exclusive { total } else { with_this });
        total = with_this;
    }
}

/// The place of the largest of `len` numbers: the first of equals, or the first NaN. 0 when
/// there is none.
pub fn argmax(len: usize, x: impl Fn(usize) -> f32) -> usize {
    first_that_beats(len, |new, old| {
        let (new, old) = (x(new), x(old));
        !old.is_nan() && (new > old || new.is_nan())
    })
}

/// The place of the smallest of `len` numbers: the first of equals, or the first NaN. 0 when
/// there is none.
pub fn argmin(len: usize, x: impl Fn(usize) -> f32) -> usize {
    argmax(len, |i| -x(i))
}

fn first_that_beats(len: usize, beats: impl Fn(usize, usize) -> bool) -> usize {
    (1..len).fold(0, |best, i| if beats(i, best) { i } else { best })
}

/// How sorting orders two numbers: by value, or the largest first; zeros of both signs are
/// equal, and NaN comes last either way. Equal ones keep their order.
pub fn sorting_order(a: f32, b: f32, descending: bool) -> Ordering {
    match a.partial_cmp(&b) {
        Some(order) if descending => order.reverse(),
        Some(order) => order,
        None => a.is_nan().cmp(&b.is_nan()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_of_a_row_sums_to_one_and_log_softmax_is_its_logarithm() {
        let x = [1.0f32, 2.0, -3.0, 0.5];
        let (mut p, mut l) = ([0.0; 4], [0.0; 4]);
        softmax_row(&x, &mut p);
        log_softmax_row(&x, &mut l);
        let total: f64 = x.iter().map(|&x| f64::from(x).exp()).sum();
        for i in 0..4 {
            let exact = f64::from(x[i]).exp() / total;
            assert!((f64::from(p[i]) - exact).abs() < 2e-7, "{p:?}");
            assert!((f64::from(l[i]) - exact.ln()).abs() < 1e-6, "{l:?}");
            let loss = sparse_cross_entropy_row(&x, i as i32);
            assert!((f64::from(loss) + exact.ln()).abs() < 1e-6);
            let mut target = [0.0; 4];
            target[i] = 1.0;
            assert_eq!(cross_entropy_row(&x, &target), loss);
        }
        assert!(sparse_cross_entropy_row(&x, 4).is_nan());
        assert!(sparse_cross_entropy_row(&x, -1).is_nan());
    }

    #[test]
    fn large_logits_stay_finite_and_nan_spreads() {
        let mut p = [0.0; 3];
        softmax_row(&[1e4, 1e4, -1e4], &mut p);
        assert_eq!(p, [0.5, 0.5, 0.0]);
        assert_eq!(sparse_cross_entropy_row(&[1e4, -1e4], 1), 2e4);
        softmax_row(&[0.0, f32::NAN, 1.0], &mut p);
        assert!(p.iter().all(|p| p.is_nan()));
    }

    #[test]
    fn running_sums_both_ways() {
        let x = [1.0f32, 10.0, 100.0];
        let run = |exclusive| {
            let mut out = [0.0; 3];
            running_sums(3, exclusive, |i| x[i], |i, sum| out[i] = sum);
            out
        };
        assert_eq!(run(false), [1.0, 11.0, 111.0]);
        assert_eq!(run(true), [0.0, 1.0, 11.0]);
    }

    #[test]
    fn places_and_orders_of_the_extremes() {
        let nan = f32::NAN;
        let at = |x: &'static [f32]| move |i: usize| x[i];
        assert_eq!(argmax(4, at(&[1.0, 3.0, 3.0, 2.0])), 1);
        assert_eq!(argmin(4, at(&[1.0, 3.0, 0.0, -0.0])), 2);
        assert_eq!((argmax(0, at(&[])), argmin(0, at(&[]))), (0, 0));
        let x = [5.0, nan, 9.0, nan];
        assert_eq!((argmax(4, |i| x[i]), argmin(4, |i| x[i])), (1, 1));
        assert_eq!(sorting_order(1.0, 2.0, true), Ordering::Greater);
        assert_eq!(sorting_order(nan, 2.0, true), Ordering::Greater);
        assert_eq!(sorting_order(2.0, nan, false), Ordering::Less);
        assert_eq!(sorting_order(0.0, -0.0, false), Ordering::Equal);
    }
}
