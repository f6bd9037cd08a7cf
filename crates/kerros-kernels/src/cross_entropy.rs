//! Cross-entropy of classes from logits, one loss per row.

use kerros_core::law::Lanes;
use kerros_core::law::functions::log;

use crate::Isa;
use crate::lanes::{Kernel, dispatch};
use crate::reduce::fold::Sum;
use crate::reduce::row::{Elements, fold_row, load, store};
use crate::reduce::short::ShortRows;
use crate::softmax::{max_of_row, shifted_and_powers, sum_of_powers};

/// What the logits are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    /// One class per row: `i32` as bits in `f32`.
    Labels(&'a [f32]),
    /// One number per row and class.
    Distributions(&'a [f32]),
}

/// With `z = x - max` and `l = log(sum(e^z))` of each row: `l - z[label]` for labels, or
/// `sum(target * (l - z))` for distributions. Defined by
/// [`kerros_core::law::rows::sparse_cross_entropy_row`] and
/// [`kerros_core::law::rows::cross_entropy_row`].
///
/// A label that is not a class gives NaN; callers check labels before.
///
/// # Shape
/// `logits: [rows, classes]`, labels `[rows]` or distributions `[rows, classes]`, and
/// `losses: [rows]`.
///
/// # Panics
/// When the slices' lengths do not fit each other.
pub fn softmax_cross_entropy(
    isa: Isa,
    classes: usize,
    logits: &[f32],
    targets: Targets<'_>,
    losses: &mut [f32],
) {
    assert_eq!(logits.len(), losses.len() * classes, "length of the logits");
    match targets {
        Targets::Labels(labels) => assert_eq!(labels.len(), losses.len(), "number of labels"),
        Targets::Distributions(targets) => {
            assert_eq!(targets.len(), logits.len(), "length of the targets");
        }
    }
    dispatch(isa, Rows { classes, logits, targets, losses });
}

struct Rows<'a> {
    classes: usize,
    logits: &'a [f32],
    targets: Targets<'a>,
    losses: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Rows { classes, logits, targets, losses } = self;
        if ShortRows::<V>::worth(classes) {
            for (block, losses) in losses.chunks_mut(V::WIDTH).enumerate() {
                let first = block * V::WIDTH;
                let elements = first * classes..(first + losses.len()) * classes;
                let (shifted, _, sum) = shifted_and_powers::<V>(classes, &logits[elements.clone()]);
                let log_sum = log(sum);
                let loss = match targets {
                    Targets::Labels(labels) => {
                        let labels = load(&labels[first..], losses.len());
                        log_sum.sub(pick(shifted, labels))
                    }
                    Targets::Distributions(targets) => {
                        short_terms(shifted, log_sum, classes, &targets[elements])
                    }
                };
                store(loss, losses, losses.len());
            }
            return;
        }
        for (index, loss) in losses.iter_mut().enumerate() {
            let row = index * classes..(index + 1) * classes;
            let x = &logits[row.clone()];
            let max = max_of_row::<V>(x);
            let log_sum = log(sum_of_powers(x, max));
            *loss = match targets {
                Targets::Labels(labels) => {
                    // A negative label is a large index: neither is in the row.
                    match x.get(labels[index].to_bits() as usize) {
                        Some(&x) => first(log_sum.sub(V::splat(x).sub(max))),
                        None => f32::NAN,
                    }
                }
                Targets::Distributions(targets) => {
                    let target = &targets[row];
                    let mut terms = Terms { x, target, max, log_sum };
                    fold_row::<V, Sum, 1>(&mut terms, 0, classes)
                }
            };
        }
    }
}

/// `target * (log_sum - (x - max))`.
struct Terms<'a, V> {
    x: &'a [f32],
    target: &'a [f32],
    max: V,
    log_sum: V,
}

impl<V: Lanes> Elements<V> for Terms<'_, V> {
    #[inline(always)]
    fn at(&mut self, i: usize, count: usize) -> V {
        let z = load::<V>(&self.x[i..], count).sub(self.max);
        load::<V>(&self.target[i..], count).mul(self.log_sum.sub(z))
    }
}

/// Of each row the element at its label, or NaN.
#[inline(always)]
fn pick<V: Lanes>(mut rows: ShortRows<V>, labels: V) -> V {
    let mut picked = V::splat(f32::NAN);
    for (class, &mut x) in rows.used().iter_mut().enumerate() {
        picked = V::select(labels.int_eq(V::splat_bits(class as u32)), x, picked);
    }
    picked
}

/// `sum(target * (log_sum - z))` of each row.
#[inline(always)]
fn short_terms<V: Lanes>(
    mut shifted: ShortRows<V>,
    log_sum: V,
    classes: usize,
    targets: &[f32],
) -> V {
    let mut terms = ShortRows::<V>::gather(classes, targets);
    for (term, z) in terms.used().iter_mut().zip(shifted.used()) {
        *term = term.mul(log_sum.sub(*z));
    }
    terms.fold::<Sum>()
}

/// The first lane.
#[inline(always)]
fn first<V: Lanes>(x: V) -> f32 {
    let mut lanes = [0.0; 16];
    x.store(&mut lanes);
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::tests::{numbers, words};
    use kerros_core::law::rows;

    fn check(classes: usize, logits: &[f32], targets: &[f32], labels: &[i32]) {
        let x: Vec<&[f32]> =
            (0..labels.len()).map(|r| &logits[r * classes..(r + 1) * classes]).collect();
        let sparse: Vec<f32> =
            x.iter().zip(labels).map(|(x, &l)| rows::sparse_cross_entropy_row(x, l)).collect();
        let dense: Vec<f32> = (0..labels.len())
            .map(|r| rows::cross_entropy_row(x[r], &targets[r * classes..(r + 1) * classes]))
            .collect();
        let label_words: Vec<f32> = labels.iter().map(|&l| f32::from_bits(l as u32)).collect();
        for isa in Isa::available() {
            let mut losses = vec![9.0; labels.len()];
            softmax_cross_entropy(isa, classes, logits, Targets::Labels(&label_words), &mut losses);
            assert_eq!(words(&losses), words(&sparse), "labels, {classes} classes, {isa:?}");
            softmax_cross_entropy(
                isa,
                classes,
                logits,
                Targets::Distributions(targets),
                &mut losses,
            );
            assert_eq!(words(&losses), words(&dense), "targets, {classes} classes, {isa:?}");
        }
    }

    #[test]
    fn any_number_of_classes() {
        for classes in (1..40).chain([1000, 4095, 4096, 4097, 10_000]) {
            let logits: Vec<f32> = numbers(1, 4 * classes).into_iter().map(|x| 5.0 * x).collect();
            let last = classes as i32 - 1;
            check(classes, &logits, &numbers(2, 4 * classes), &[0, last, last / 2, last / 3]);
        }
    }

    #[test]
    fn labels_that_are_no_class_give_nan() {
        let (logits, targets) = (numbers(1, 30), numbers(2, 30));
        check(10, &logits, &targets, &[10, -1, i32::MIN]);
        check(0, &[], &[], &[0, 1]);
    }

    #[test]
    fn extreme_logits() {
        for classes in [1, 2, 10, 17] {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e4, -1e4, 89.0, -0.0] {
                let mut logits = numbers(1, 3 * classes);
                logits[classes / 2] = value;
                logits[classes..2 * classes].fill(value);
                let mut targets = numbers(2, 3 * classes);
                targets[0] = 0.0;
                check(classes, &logits, &targets, &[0, 0, classes as i32 - 1]);
            }
        }
    }
}
