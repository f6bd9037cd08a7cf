//! Sums of squares, for the norm over many tensors that gradient clipping needs.

use kerros_core::law::Lanes;

use crate::Isa;
use crate::lanes::{Kernel, dispatch};
use crate::reduce::fold::Sum;
use crate::reduce::row::{Elements, fold_row, load};

/// `sum(x * x)` over all elements, by the law of rows: see
/// [`kerros_core::law::rows::sum_of_squares`].
pub fn sum_of_squares(isa: Isa, input: &[f32]) -> f32 {
    dispatch(isa, Squares(input))
}

struct Squares<'a>(&'a [f32]);

impl Kernel for Squares<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<V: Lanes>(self) -> f32 {
        fold_row::<V, Sum, 4>(&mut Squares(self.0), 0, self.0.len())
    }
}

impl<V: Lanes> Elements<V> for Squares<'_> {
    #[inline(always)]
    fn at(&mut self, i: usize, count: usize) -> V {
        let x: V = load(&self.0[i..], count);
        x.mul(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::tests::{numbers, words};
    use kerros_core::law::rows;

    #[test]
    fn every_length_equals_the_law() {
        for len in [0, 1, 10, 15, 16, 17, 4095, 4096, 4097, 10_000, 16_384, 50_001, 131_072] {
            let x = numbers(4, len);
            let expected = rows::sum_of_squares(&x);
            for isa in Isa::available() {
                assert_eq!(sum_of_squares(isa, &x).to_bits(), expected.to_bits(), "{len} {isa:?}");
            }
        }
    }

    #[test]
    fn overflow_and_nan() {
        for value in [f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-30] {
            let mut x = numbers(5, 100);
            x[70] = value;
            for isa in Isa::available() {
                let expected = [rows::sum_of_squares(&x)];
                assert_eq!(words(&[sum_of_squares(isa, &x)]), words(&expected));
            }
        }
    }
}
