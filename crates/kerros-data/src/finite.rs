//! The first number of an array that is none: NaN or an infinity.

use kerros_core::{DType, Tensor};

/// Elements looked at between two chances to stop; short enough to stay in the first-level
/// cache for the second look.
const CHUNK_LEN: usize = 2048;

/// The row (index on axis 0), the flat index and the value of the first element that is NaN or
/// infinite; `None` when all are finite, as whole numbers always are.
///
/// ```
/// use kerros_core::Tensor;
/// let x = Tensor::new([2, 2], [1.0f32, 2.0, 3.0, f32::INFINITY])?;
/// assert_eq!(kerros_data::first_non_finite(&x), Some((1, 3, f64::INFINITY)));
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn first_non_finite(tensor: &Tensor) -> Option<(usize, usize, f64)> {
    let (index, value) = match tensor.dtype() {
        DType::F32 => find(tensor.as_slice::<f32>().ok()?, all_finite_f32, f64::from)?,
        DType::F64 => find(tensor.as_slice::<f64>().ok()?, all_finite_f64, |v| v)?,
        DType::I32 | DType::I64 | DType::I8 | DType::U8 | DType::Bool => return None,
    };
    let row_len: usize = tensor.shape().iter().skip(1).product();
    Some((index / row_len, index, value))
}

fn find<T: Copy>(
    elements: &[T],
    all_finite: impl Fn(&[T]) -> bool,
    to_f64: impl Fn(T) -> f64,
) -> Option<(usize, f64)> {
    for (number, chunk) in elements.chunks(CHUNK_LEN).enumerate() {
        if all_finite(chunk) {
            continue;
        }
        let at = chunk.iter().position(|&element| !to_f64(element).is_finite())?;
        return Some((number * CHUNK_LEN + at, to_f64(chunk[at])));
    }
    None
}

/// Whether no exponent is all ones: adding one to such an exponent carries into the sign bit,
/// which bit operations alone collect, with no early exit to keep the compiler from vectors.
fn all_finite_f32(elements: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7F80_0000;
    const ONE: u32 = 0x0080_0000;
    let carried = elements.iter().fold(0, |all, v| all | ((v.to_bits() & EXPONENT) + ONE));
    carried >> 31 == 0
}

/// As [`all_finite_f32`].
fn all_finite_f64(elements: &[f64]) -> bool {
    const EXPONENT: u64 = 0x7FF0_0000_0000_0000;
    const ONE: u64 = 0x0010_0000_0000_0000;
    let carried = elements.iter().fold(0, |all, v| all | ((v.to_bits() & EXPONENT) + ONE));
    carried >> 63 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_is_found_wherever_it_is() {
        for at in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, 3 * CHUNK_LEN + 6] {
            let mut values = vec![1.0f32; 4 * CHUNK_LEN];
            values[at] = f32::NEG_INFINITY;
            values[4 * CHUNK_LEN - 1] = f32::NAN;
            let tensor = Tensor::new([CHUNK_LEN, 4], values).unwrap();
            assert_eq!(first_non_finite(&tensor), Some((at / 4, at, f64::NEG_INFINITY)));
        }
        let (row, index, value) = first_non_finite(
            &Tensor::new([2, 1, 3], [0.0, 1e308, 0.0, 0.0, f64::NAN, 0.0]).unwrap(),
        )
        .unwrap();
        assert_eq!((row, index), (1, 4));
        assert!(value.is_nan());
    }

    #[test]
    fn finite_numbers_pass() {
        assert_eq!(first_non_finite(&Tensor::new([2], [f32::MAX, 1e-45]).unwrap()), None);
        assert_eq!(first_non_finite(&Tensor::full([3], i64::MAX)), None);
        assert_eq!(first_non_finite(&Tensor::zeros([0, 4], DType::F32)), None);
        assert_eq!(first_non_finite(&Tensor::scalar(f32::NAN)).map(|found| found.1), Some(0));
    }
}
