//! What a training run is fed: input arrays, target arrays and weights, row by row.

use std::ops::Range;

use kerros_core::{Error, ErrorKind, Result, Tensor};

use crate::Dataset;

/// Any number of input and target arrays whose rows belong together.
///
/// This is what `fit`, `evaluate` and `predict` take; one input and one target convert into it
/// from a pair of tensors or a [`Dataset`].
///
/// # Shape
/// Every array: `[rows, ..]`, with the same number of rows. A weight array is `[rows]`, or has
/// the leading axes of its target when each step of a sequence is weighted.
///
/// # Example
/// ```
/// use kerros_core::Tensor;
/// use kerros_data::Samples;
///
/// let x = Tensor::new([3, 2], [0.0f32, 0.1, 1.0, 1.1, 2.0, 2.1])?;
/// let y = Tensor::new([3], [0i32, 1, 0])?;
/// let samples = Samples::from((&x, &y));
/// samples.check()?;
/// assert_eq!(samples.num_rows(), 3);
/// assert_eq!(samples.take(&[2, 0])?.targets[0].as_slice::<i32>()?, [0, 0]);
/// # Ok::<(), kerros_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// One array per input of the model, in the model's order.
    pub inputs: Vec<Tensor>,
    /// One array per output of the model; empty when there is nothing to compare with.
    pub targets: Vec<Tensor>,
    /// One entry per target, `None` where every row counts once; a single entry for all targets;
    /// or empty for no weights.
    pub sample_weights: Vec<Option<Tensor>>,
    /// The names of the model's inputs and outputs that the arrays belong to; empty where they
    /// stand in the model's order.
    pub names: SampleNames,
}

/// Which input and output of a model each array belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleNames {
    /// One name per input array, or none.
    pub inputs: Vec<String>,
    /// One name per target array, or none.
    pub targets: Vec<String>,
}

impl Samples {
    /// Inputs and targets, without weights.
    pub fn new(inputs: impl Into<Vec<Tensor>>, targets: impl Into<Vec<Tensor>>) -> Self {
        Samples { inputs: inputs.into(), targets: targets.into(), ..Samples::default() }
    }

    /// Inputs and targets by the names of the model's inputs and outputs, in any order.
    ///
    /// ```
    /// use kerros_core::Tensor;
    /// use kerros_data::Samples;
    /// let ones = Tensor::full([3, 2], 1.0f32);
    /// let samples = Samples::named([("right", &ones), ("left", &ones)], [("sum", &ones)]);
    /// assert_eq!(samples.names.inputs, ["right", "left"]);
    /// ```
    pub fn named<'a>(
        inputs: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
        targets: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
    ) -> Self {
        let owned = |(name, array): (&str, &Tensor)| (name.to_string(), array.clone());
        let (input_names, inputs): (_, Vec<Tensor>) = inputs.into_iter().map(owned).unzip();
        let (target_names, targets): (_, Vec<Tensor>) = targets.into_iter().map(owned).unzip();
        let names = SampleNames { inputs: input_names, targets: target_names };
        Samples { names, ..Samples::new(inputs, targets) }
    }

    /// The same samples with one entry of weights per target.
    pub fn with_sample_weights(mut self, weights: impl Into<Vec<Option<Tensor>>>) -> Self {
        self.sample_weights = weights.into();
        self
    }

    /// The number of rows of the first input; 0 when there is none.
    pub fn num_rows(&self) -> usize {
        self.inputs.first().and_then(|input| input.shape().first().copied()).unwrap_or(0)
    }

    /// The weights of target `output`, when it has any.
    pub fn weights_of(&self, output: usize) -> Option<&Tensor> {
        match self.sample_weights.as_slice() {
            [all] => all.as_ref(),
            each => each.get(output)?.as_ref(),
        }
    }

    /// Checks that the arrays can be walked together, row by row.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] when there is no input array; when an array has no rows or no axes;
    /// when the arrays have different numbers of rows (the message gives each); when there are
    /// weights, but not one entry per target; when there are more than 2^32 - 1 rows.
    pub fn check(&self) -> Result<()> {
        if self.inputs.is_empty() {
            return Err(Error::new(ErrorKind::Data, "the data have no input array")
                .expected("at least one input array"));
        }
        if ![0, 1, self.targets.len()].contains(&self.sample_weights.len()) {
            return Err(Error::new(
                ErrorKind::Data,
                format!(
                    "{} sample weight arrays were given for {} target arrays",
                    self.sample_weights.len(),
                    self.targets.len()
                ),
            )
            .expected("one sample weight array per target array, a single one for all, or none"));
        }
        if let Some((name, _)) = self.arrays().find(|(_, array)| array.shape().ndim() == 0) {
            return Err(Error::new(ErrorKind::Data, format!("{name} is a single number"))
                .expected("an array whose first axis counts the rows")
                .hint("give a batch of one row the shape [1, ..]"));
        }
        let num_rows = self.num_rows();
        if self.arrays().any(|(_, array)| array.shape()[0] != num_rows) {
            let counts: Vec<String> = self
                .arrays()
                .map(|(name, array)| {
                    format!("{name} has {} (shape {})", array.shape()[0], array.shape())
                })
                .collect();
            return Err(Error::new(
                ErrorKind::Data,
                format!("the arrays have different numbers of rows: {}", counts.join(", ")),
            )
            .expected("the same number of rows in every array")
            .hint("check that inputs, targets and weights come from the same part of the data"));
        }
        if num_rows == 0 {
            return Err(Error::new(
                ErrorKind::Data,
                format!("the data are empty: input 0 has shape {}", self.inputs[0].shape()),
            )
            .expected("at least one row"));
        }
        if u32::try_from(num_rows).is_err() {
            return Err(Error::new(ErrorKind::Data, format!("the data have {num_rows} rows"))
                .expected("at most 4,294,967,295 rows")
                .hint("train on several parts in turn"));
        }
        Ok(())
    }

    /// The rows with these indices, in this order, of every array.
    ///
    /// # Errors
    /// As [`Samples::check`], and [`ErrorKind::Argument`] for a row out of range.
    pub fn take(&self, rows: &[u32]) -> Result<Self> {
        self.check()?;
        self.map(|array| array.take_rows(rows))
    }

    /// The rows `range` of every array.
    ///
    /// # Errors
    /// As [`Samples::take`].
    pub fn slice(&self, range: Range<usize>) -> Result<Self> {
        self.check()?;
        if range == (0..self.num_rows()) {
            return Ok(self.clone());
        }
        if range.end > self.num_rows() {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("rows {range:?} of {} rows", self.num_rows()),
            ));
        }
        self.map(|array| array.slice_rows(range.clone()))
    }

    fn map(&self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let all = |arrays: &[Tensor]| arrays.iter().map(&change).collect::<Result<Vec<_>>>();
        Ok(Samples {
            inputs: all(&self.inputs)?,
            targets: all(&self.targets)?,
            sample_weights: self
                .sample_weights
                .iter()
                .map(|weights| weights.as_ref().map(&change).transpose())
                .collect::<Result<_>>()?,
            names: self.names.clone(),
        })
    }

    /// Every array with the name that messages call it by.
    fn arrays(&self) -> impl Iterator<Item = (String, &Tensor)> {
        let inputs = self.inputs.iter().enumerate().map(|(i, array)| (format!("input {i}"), array));
        let targets =
            self.targets.iter().enumerate().map(|(i, array)| (format!("target {i}"), array));
        let weights = self.sample_weights.iter().enumerate().filter_map(|(i, weights)| {
            weights.as_ref().map(|array| (format!("sample weight {i}"), array))
        });
        inputs.chain(targets).chain(weights)
    }
}

impl From<&Samples> for Samples {
    fn from(samples: &Samples) -> Self {
        samples.clone()
    }
}
impl From<&Dataset> for Samples {
    fn from(data: &Dataset) -> Self {
        Samples::from((&data.x, &data.y))
    }
}
impl From<Dataset> for Samples {
    fn from(data: Dataset) -> Self {
        Samples::from((data.x, data.y))
    }
}
impl From<&Tensor> for Samples {
    fn from(x: &Tensor) -> Self {
        Samples::new([x.clone()], [])
    }
}
impl From<Tensor> for Samples {
    fn from(x: Tensor) -> Self {
        Samples::new([x], [])
    }
}
impl From<(&Tensor, &Tensor)> for Samples {
    fn from((x, y): (&Tensor, &Tensor)) -> Self {
        Samples::new([x.clone()], [y.clone()])
    }
}
impl From<(Tensor, Tensor)> for Samples {
    fn from((x, y): (Tensor, Tensor)) -> Self {
        Samples::new([x], [y])
    }
}
impl From<(&Tensor, &Tensor, &Tensor)> for Samples {
    fn from((x, y, weights): (&Tensor, &Tensor, &Tensor)) -> Self {
        Samples::from((x, y)).with_sample_weights([Some(weights.clone())])
    }
}
impl From<(Tensor, Tensor, Tensor)> for Samples {
    fn from((x, y, weights): (Tensor, Tensor, Tensor)) -> Self {
        Samples::from((x, y)).with_sample_weights([Some(weights)])
    }
}
impl From<Vec<Tensor>> for Samples {
    fn from(inputs: Vec<Tensor>) -> Self {
        Samples::new(inputs, [])
    }
}
impl From<&[Tensor]> for Samples {
    fn from(inputs: &[Tensor]) -> Self {
        Samples::new(inputs, [])
    }
}
impl From<(&[Tensor], &[Tensor])> for Samples {
    fn from((inputs, targets): (&[Tensor], &[Tensor])) -> Self {
        Samples::new(inputs, targets)
    }
}
impl From<(&Vec<Tensor>, &Vec<Tensor>)> for Samples {
    fn from((inputs, targets): (&Vec<Tensor>, &Vec<Tensor>)) -> Self {
        Samples::new(inputs.as_slice(), targets.as_slice())
    }
}
impl From<(Vec<Tensor>, Vec<Tensor>)> for Samples {
    fn from((inputs, targets): (Vec<Tensor>, Vec<Tensor>)) -> Self {
        Samples::new(inputs, targets)
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::DType;

    use super::*;

    fn rows(num_rows: usize) -> Tensor {
        Tensor::zeros([num_rows, 2], DType::F32)
    }

    #[test]
    fn unequal_rows_are_counted_in_the_message() {
        let error = Samples::new([rows(3), rows(4)], [rows(3)])
            .with_sample_weights([Some(rows(5))])
            .check()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert_eq!(
            error.message(),
            "the arrays have different numbers of rows: input 0 has 3 (shape [3, 2]), input 1 has \
             4 (shape [4, 2]), target 0 has 3 (shape [3, 2]), sample weight 0 has 5 (shape [5, 2])"
        );
    }

    #[test]
    fn unusable_data_are_refused() {
        let message = |samples: Samples| samples.check().unwrap_err().message().to_string();
        assert_eq!(message(Samples::new([], [rows(1)])), "the data have no input array");
        assert_eq!(
            message(Samples::from(&rows(0))),
            "the data are empty: input 0 has shape [0, 2]"
        );
        assert_eq!(
            message(Samples::from((&rows(1), &Tensor::scalar(1.0f32)))),
            "target 0 is a single number"
        );
        assert_eq!(
            message(Samples::new([rows(1)], [rows(1)]).with_sample_weights([None, None])),
            "2 sample weight arrays were given for 1 target arrays"
        );
    }

    #[test]
    fn rows_of_every_array_are_taken_together() {
        let x = Tensor::new([3, 1], [0.0f32, 1.0, 2.0]).unwrap();
        let y = Tensor::new([3], [10i32, 11, 12]).unwrap();
        let w = Tensor::new([3], [0.5f32, 1.5, 2.5]).unwrap();
        let samples = Samples::from((&x, &y, &w));
        let taken = samples.take(&[2, 0]).unwrap();
        assert_eq!(taken.inputs[0].to_vec_f64(), [2.0, 0.0]);
        assert_eq!(taken.targets[0].to_vec_f64(), [12.0, 10.0]);
        assert_eq!(taken.weights_of(0).unwrap().to_vec_f64(), [2.5, 0.5]);
        let tail = samples.slice(1..3).unwrap();
        assert_eq!(tail.targets[0].to_vec_f64(), [11.0, 12.0]);
        assert_eq!(tail.num_rows(), 2);
        assert!(samples.slice(1..4).is_err());
        assert!(samples.take(&[3]).is_err());
    }
}
