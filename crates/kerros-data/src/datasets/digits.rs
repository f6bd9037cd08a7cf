//! The handwritten digits.

use kerros_core::{Result, Shape, Tensor};

use super::find;
use crate::{Dataset, Split};

/// Labels, one byte each, then the grey values, 5 bits each: see `data/make_digits.py`.
static FILE: &[u8] = include_bytes!("../../data/digits.bin");

const NUM_ROWS: usize = 1797;
/// Pixels along one side.
const SIDE: usize = 8;
const NUM_PIXELS: usize = SIDE * SIDE;
/// The largest grey value of the source: every pixel counts the ink in a 4 x 4 block.
const MAX_GREY: f32 = 16.0;

/// How to split the digits, and in which shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DigitsOptions {
    /// What the split is drawn from. Default: 0.
    pub seed: u64,
    /// The share of every class that goes to the test part. Default: 0.2.
    pub test_fraction: f64,
    /// Whether `x` is `[rows, 8, 8, 1]`, for convolutions, instead of `[rows, 64]`.
    /// Default: `false`.
    pub images: bool,
}

impl Default for DigitsOptions {
    fn default() -> Self {
        DigitsOptions { seed: 0, test_fraction: 0.2, images: false }
    }
}

/// The digits in two parts: 1,437 to train on and 360 to test on, the same share of every
/// class in both.
///
/// # Shape
/// `x: [rows, 64]`, `float32` in 0..1, row by row of the 8 x 8 image; `y: [rows]`, `int32`.
///
/// # Errors
/// None: the data are part of the program.
///
/// # Source
/// E. Alpaydin, C. Kaynak: "Optical Recognition of Handwritten Digits", UCI 1998 (CC BY 4.0), the
/// test part, as in scikit-learn's `load_digits`; grey values divided by 16.
///
/// # Example
/// ```
/// let digits = kerros_data::datasets::digits()?;
/// assert_eq!(digits.train.x.shape().dims(), [1437, 64]);
/// assert_eq!(digits.test.num_rows(), 360);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn digits() -> Result<Split> {
    digits_with(DigitsOptions::default())
}

/// The digits, split and shaped as told.
///
/// # Errors
/// [`kerros_core::ErrorKind::Argument`] when `test_fraction` is not between 0 and 1;
/// [`kerros_core::ErrorKind::Data`] when it leaves one part empty.
pub fn digits_with(options: DigitsOptions) -> Result<Split> {
    let mut all = digits_all()?;
    if options.images {
        all.x = all.x.reshape([NUM_ROWS, SIDE, SIDE, 1])?;
    }
    all.split(options.test_fraction, options.seed)
}

/// All 1,797 digits, in the order of the source.
///
/// # Errors
/// None: the data are part of the program.
pub fn digits_all() -> Result<Dataset> {
    let (labels, packed) = FILE.split_at(NUM_ROWS);
    let labels: Vec<i32> = labels.iter().map(|&label| i32::from(label)).collect();
    let pixels: Vec<f32> = (0..NUM_ROWS * NUM_PIXELS)
        .map(|pixel| f32::from(five_bits(packed, pixel)) / MAX_GREY)
        .collect();
    let about = find("digits")?;
    Ok(Dataset {
        name: about.name.to_string(),
        classes: about.classes,
        class_names: (0..10).map(|digit| digit.to_string()).collect(),
        feature_names: (0..NUM_PIXELS)
            .map(|pixel| format!("pixel_{}_{}", pixel / SIDE, pixel % SIDE))
            .collect(),
        description: about.description.to_string(),
        ..Dataset::new(
            Tensor::new(Shape::from([NUM_ROWS, NUM_PIXELS]), pixels)?,
            Tensor::new([NUM_ROWS], labels)?,
        )
    })
}

/// The number at `index` of a row of 5-bit numbers, lowest bit first.
fn five_bits(packed: &[u8], index: usize) -> u8 {
    let (byte, shift) = (index * 5 / 8, index * 5 % 8);
    let next = packed.get(byte + 1).copied().unwrap_or(0);
    ((u16::from_le_bytes([packed[byte], next]) >> shift) & 0x1F) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{class_ids, count};

    #[test]
    fn the_first_digit_is_a_zero() {
        let data = digits_all().unwrap();
        assert_eq!(data.y.as_slice::<i32>().unwrap()[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        // sklearn.datasets.load_digits().images[0], upper half.
        let grey: Vec<f64> = data.x.to_vec_f64()[..32].iter().map(|value| value * 16.0).collect();
        assert_eq!(
            grey,
            [
                [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0],
                [0.0, 0.0, 13.0, 15.0, 10.0, 15.0, 5.0, 0.0],
                [0.0, 3.0, 15.0, 2.0, 0.0, 11.0, 8.0, 0.0],
                [0.0, 4.0, 12.0, 0.0, 0.0, 8.0, 8.0, 0.0],
            ]
            .concat()
        );
        let values = data.x.to_vec_f64();
        assert!(values.iter().all(|&value| (0.0..=1.0).contains(&value)));
        assert!(values.contains(&1.0));
    }

    #[test]
    fn the_split_is_stratified_and_set_by_the_seed() {
        let first = digits().unwrap();
        assert_eq!(first, digits().unwrap());
        for (class, &rows) in &count(&class_ids(&first.test.y).unwrap()) {
            let all = count(&class_ids(&digits_all().unwrap().y).unwrap())[class];
            assert!(
                (rows as f64 - all as f64 * 0.2).abs() <= 1.0,
                "class {class}: {rows} of {all}"
            );
        }
        let other = digits_with(DigitsOptions { seed: 1, images: true, ..Default::default() });
        let other = other.unwrap();
        assert_eq!(other.train.x.shape().dims(), [1437, 8, 8, 1]);
        assert_ne!(other.train.y, first.train.y);
        assert!(digits_with(DigitsOptions { test_fraction: 1.0, ..Default::default() }).is_err());
    }
}
