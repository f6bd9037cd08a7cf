//! One input, one target, and what is known about them.

use std::ops::Range;

use kerros_core::{Result, Tensor};

use crate::split;

/// Rows of one input and one target, such as images and their classes.
///
/// # Shape
/// `x: [rows, ..]`, `y: [rows]` for class numbers and single numbers, `[rows, outputs]` else.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The input.
    pub x: Tensor,
    /// The target.
    pub y: Tensor,
    /// A short name, such as `digits`.
    pub name: String,
    /// How many classes `y` numbers; `None` when `y` is a quantity.
    pub classes: Option<usize>,
    /// What each class is called, or empty.
    pub class_names: Vec<String>,
    /// What each column of `x` is called, or empty.
    pub feature_names: Vec<String>,
    /// A sentence for people.
    pub description: String,
}

/// A dataset in two parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The rows to learn from.
    pub train: Dataset,
    /// The rows to judge by.
    pub test: Dataset,
}

impl Dataset {
    /// A dataset without names.
    pub fn new(x: Tensor, y: Tensor) -> Self {
        Dataset {
            x,
            y,
            name: String::new(),
            classes: None,
            class_names: Vec::new(),
            feature_names: Vec::new(),
            description: String::new(),
        }
    }

    /// The number of rows; 0 when `x` is a scalar.
    pub fn num_rows(&self) -> usize {
        self.x.shape().first().copied().unwrap_or(0)
    }

    /// The rows with these indices, in this order.
    ///
    /// # Errors
    /// [`kerros_core::ErrorKind::Argument`] for a row out of range.
    pub fn take(&self, rows: &[u32]) -> Result<Self> {
        Ok(Dataset { x: self.x.take_rows(rows)?, y: self.y.take_rows(rows)?, ..self.clone() })
    }

    /// The rows `range`.
    ///
    /// # Errors
    /// As [`Dataset::take`].
    pub fn slice(&self, range: Range<usize>) -> Result<Self> {
        let x = self.x.slice_rows(range.clone())?;
        Ok(Dataset { x, y: self.y.slice_rows(range)?, ..self.clone() })
    }

    /// Two parts in a seeded random order: with the same share of every class in both when
    /// `y` numbers classes ([`split::split_stratified`]), else [`split::split_random`].
    ///
    /// # Errors
    /// As those two.
    pub fn split(&self, test_fraction: f64, seed: u64) -> Result<Split> {
        let (train, test) = match self.classes {
            Some(_) => split::split_stratified(&self.y, test_fraction, seed)?,
            None => split::split_random(self.num_rows(), test_fraction, seed)?,
        };
        Ok(Split { train: self.take(&train)?, test: self.take(&test)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_keeps_rows_together_and_loses_none() {
        let numbers: Vec<i32> = (0..50).collect();
        let x = Tensor::new([50, 1], &numbers).unwrap();
        let data = Dataset::new(x, Tensor::new([50], &numbers).unwrap());
        let Split { train, test } = data.split(0.2, 3).unwrap();
        assert_eq!((train.num_rows(), test.num_rows()), (40, 10));
        assert_eq!(train.x.bytes(), train.y.bytes());
        let mut all = [train.y.to_vec_f64(), test.y.to_vec_f64()].concat();
        all.sort_by(f64::total_cmp);
        assert_eq!(all, data.y.to_vec_f64());
    }
}
