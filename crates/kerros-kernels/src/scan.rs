//! Running sums along an axis.

use kerros_core::law::Lanes;

use crate::Isa;
use crate::lanes::{Kernel, dispatch};
use crate::reduce::AxisView;
use crate::reduce::row::{load, store};

/// The variants of a running sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScanOptions {
    /// Start with 0 and leave out the last element, so that each sum excludes its own place.
    pub exclusive: bool,
    /// Add from the last position to the first.
    pub reverse: bool,
    /// The words are `i32` (bits in `f32`), and sums wrap.
    pub int: bool,
}

/// `y[o, p, i] = x[o, 0, i] + .. + x[o, p, i]`, added in that order; defined by
/// [`kerros_core::law::rows::running_sums`].
///
/// # Shape
/// `x: [outer, len, inner] -> y: [outer, len, inner]`. To compute a part, give the slices of
/// some positions of `outer` and their number.
///
/// # Panics
/// When a slice has not the length that the view says.
pub fn cumulative_sum(
    isa: Isa,
    view: AxisView,
    options: ScanOptions,
    input: &[f32],
    output: &mut [f32],
) {
    let elements = view.outer * view.len * view.inner;
    assert_eq!([input.len(), output.len()], [elements; 2], "lengths for {view:?}");
    dispatch(isa, Scan { view, options, input, output });
}

struct Scan<'a> {
    view: AxisView,
    options: ScanOptions,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Kernel for Scan<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Scan { view: AxisView { len, inner, .. }, options, input, output } = self;
        let matrix = len * inner;
        if matrix == 0 {
            return;
        }
        for (x, y) in input.chunks_exact(matrix).zip(output.chunks_exact_mut(matrix)) {
            if inner == 1 {
                scan::<f32>(options, [len, 1], 0, 1, x, y);
                continue;
            }
            for start in (0..inner).step_by(V::WIDTH) {
                scan::<V>(options, [len, inner], start, V::WIDTH.min(inner - start), x, y);
            }
        }
    }
}

/// Scans `count` columns from `start` on.
#[inline(always)]
fn scan<V: Lanes>(
    options: ScanOptions,
    [len, inner]: [usize; 2],
    start: usize,
    count: usize,
    input: &[f32],
    output: &mut [f32],
) {
    let mut total = V::splat_bits(0);
    for step in 0..len {
        let position = if options.reverse { len - 1 - step } else { step };
        let place = position * inner + start;
        let x: V = load(&input[place..], count);
        // The first sum is the element itself: adding it to 0 would lose the sign of -0.
        let with_this = match (step, options.int) {
            (0, _) => x,
            (_, false) => total.add(x),
            (_, true) => total.int_add(x),
        };
        store(if options.exclusive { total } else { with_this }, &mut output[place..], count);
        total = with_this;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::tests::{numbers, words};
    use kerros_core::law::rows;

    fn by_law(view: AxisView, options: ScanOptions, x: &[f32]) -> Vec<f32> {
        let AxisView { outer, len, inner } = view;
        let mut y = vec![9.0; x.len()];
        for o in 0..outer {
            for i in 0..inner {
                let place = |step: usize| {
                    let position = if options.reverse { len - 1 - step } else { step };
                    (o * len + position) * inner + i
                };
                if options.int {
                    let mut total = 0i32;
                    for step in 0..len {
                        let with_this = total.wrapping_add(x[place(step)].to_bits() as i32);
                        let sum = if options.exclusive { total } else { with_this };
                        y[place(step)] = f32::from_bits(sum as u32);
                        total = with_this;
                    }
                } else {
                    let at = |step: usize| x[place(step)];
                    rows::running_sums(len, options.exclusive, at, |step, sum| {
                        y[place(step)] = sum
                    });
                }
            }
        }
        y
    }

    #[test]
    fn every_variant_of_every_shape() {
        for (outer, len, inner) in [
            (1, 0, 1),
            (1, 1, 1),
            (3, 10, 1),
            (1, 16, 1),
            (2, 17, 1),
            (1, 4097, 1),
            (1, 10_000, 1),
            (1, 5, 2),
            (2, 4, 15),
            (2, 4, 16),
            (3, 4, 17),
            (1, 300, 70),
            (0, 2, 2),
            (2, 2, 0),
        ] {
            let view = AxisView { outer, len, inner };
            let mut x = numbers(21, outer * len * inner);
            if let Some(first) = x.first_mut() {
                *first = -0.0;
            }
            if x.len() > 50 {
                x[40] = f32::NAN;
                x[45] = f32::INFINITY;
            }
            for variant in 0..8 {
                let options = ScanOptions {
                    exclusive: variant & 1 != 0,
                    reverse: variant & 2 != 0,
                    int: variant & 4 != 0,
                };
                let expected = by_law(view, options, &x);
                for isa in Isa::available() {
                    let mut y = vec![9.0; x.len()];
                    cumulative_sum(isa, view, options, &x, &mut y);
                    let same = if options.int {
                        y.iter().map(|y| y.to_bits()).eq(expected.iter().map(|y| y.to_bits()))
                    } else {
                        words(&y) == words(&expected)
                    };
                    assert!(same, "{options:?} of {view:?} on {isa:?}");
                }
            }
        }
    }

    #[test]
    fn known_answers() {
        let x = [1.0, 2.0, 3.0];
        let run = |exclusive, reverse| {
            let mut y = [0.0; 3];
            let options = ScanOptions { exclusive, reverse, int: false };
            let view = AxisView { outer: 1, len: 3, inner: 1 };
            cumulative_sum(Isa::detect(), view, options, &x, &mut y);
            y
        };
        assert_eq!(run(false, false), [1.0, 3.0, 6.0]);
        assert_eq!(run(true, false), [0.0, 1.0, 3.0]);
        assert_eq!(run(false, true), [6.0, 5.0, 3.0]);
        assert_eq!(run(true, true), [5.0, 3.0, 0.0]);
    }
}
