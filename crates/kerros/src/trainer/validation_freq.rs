//! After which epochs a validation comes.

use kerros_core::{Error, ErrorKind, Result};

/// After which epochs a validation comes: every so many, or those of a list, counted from 1.
///
/// ```
/// use kerros::Fit;
/// let every_third = Fit::epochs(9).validation_freq(3);
/// let at_these = Fit::epochs(9).validation_freq([1, 2, 9]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidationFreq {
    /// After every so many epochs.
    Every(usize),
    /// After these epochs; the first is 1.
    After(Vec<usize>),
}

impl ValidationFreq {
    /// Whether a validation comes after this epoch, counted from 0.
    pub fn is_due(&self, epoch: usize) -> bool {
        let epoch = epoch + 1;
        match self {
            ValidationFreq::Every(epochs) => epoch.is_multiple_of(*epochs),
            ValidationFreq::After(epochs) => epochs.contains(&epoch),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self {
            ValidationFreq::Every(0) => {
                Err(Error::new(ErrorKind::Argument, "validation every 0 epochs")
                    .expected("a validation_freq of at least 1"))
            }
            ValidationFreq::After(epochs) if epochs.contains(&0) => {
                Err(Error::new(ErrorKind::Argument, "validation after epoch 0")
                    .expected("epochs counted from 1"))
            }
            _ => Ok(()),
        }
    }
}

impl From<usize> for ValidationFreq {
    fn from(epochs: usize) -> Self {
        ValidationFreq::Every(epochs)
    }
}
impl From<Vec<usize>> for ValidationFreq {
    fn from(epochs: Vec<usize>) -> Self {
        ValidationFreq::After(epochs)
    }
}
impl From<&[usize]> for ValidationFreq {
    fn from(epochs: &[usize]) -> Self {
        ValidationFreq::After(epochs.to_vec())
    }
}
impl<const N: usize> From<[usize; N]> for ValidationFreq {
    fn from(epochs: [usize; N]) -> Self {
        ValidationFreq::After(epochs.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_counted_as_keras_counts_them() {
        let due = |freq: ValidationFreq| -> Vec<usize> {
            (0..6).filter(|&epoch| freq.is_due(epoch)).collect()
        };
        assert_eq!(due(2.into()), [1, 3, 5]);
        assert_eq!(due([1, 2, 6, 9].into()), [0, 1, 5]);
        assert!(ValidationFreq::from(0).check().is_err());
        assert!(ValidationFreq::from([1, 0]).check().is_err());
    }
}
