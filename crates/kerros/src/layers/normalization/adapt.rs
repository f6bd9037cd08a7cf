//! Learning mean and variance from data, before training.

use kerros_core::{Error, ErrorKind, Result, Tensor};

use super::Normalization;

impl Normalization {
    /// Computes mean and variance of data: `[rows, ..]`, of any element type.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] when an axis is out of range, and when mean and variance were
    /// given; [`ErrorKind::Data`] when there are no elements.
    pub fn adapt(&mut self, data: &Tensor) -> Result<()> {
        if self.given.is_some() {
            return Err(Error::new(
                ErrorKind::Argument,
                "a Normalization layer was adapted that was given its mean and variance",
            )
            .expected("either `adapt`, or given numbers")
            .at(&self.options.origin));
        }
        let shape = data.shape().clone();
        if shape.num_elements() == 0 {
            return Err(Error::new(ErrorKind::Data, format!("the data have the shape {shape}"))
                .expected("at least one row")
                .at(&self.options.origin));
        }
        let kept = self.kept(&shape)?;
        let strides = shape.strides();
        let dims: Vec<usize> = kept.iter().map(|&axis| shape[axis]).collect();
        let place_of = |index: usize| {
            kept.iter().fold(0, |at, &axis| at * shape[axis] + index / strides[axis] % shape[axis])
        };
        let places: usize = dims.iter().product();
        let rows = (shape.num_elements() / places) as f64;
        let mut mean = vec![0.0f64; places];
        data.for_each_f64(|index, value| mean[place_of(index)] += value);
        mean.iter_mut().for_each(|sum| *sum /= rows);
        let mut variance = vec![0.0f64; places];
        data.for_each_f64(|index, value| {
            let place = place_of(index);
            variance[place] += (value - mean[place]).powi(2);
        });
        let single = |numbers: &[f64], scale: f64| -> Vec<f32> {
            numbers.iter().map(|number| (number * scale) as f32).collect()
        };
        let mean = Tensor::new(dims.clone(), single(&mean, 1.0))?;
        self.adapted = Some((mean, Tensor::new(dims, single(&variance, 1.0 / rows))?));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_taken_over_all_other_axes() {
        let mut layer = Normalization::new().axis(1);
        // [rows 2, kept 2, others 2]
        let x = Tensor::new([2, 2, 2], [1i32, 2, 10, 20, 3, 4, 30, 40]).unwrap();
        layer.adapt(&x).unwrap();
        let (mean, variance) = layer.statistics().unwrap();
        assert_eq!(mean.as_slice::<f32>().unwrap(), [2.5, 25.0]);
        assert_eq!(variance.as_slice::<f32>().unwrap(), [1.25, 125.0]);
        assert_eq!(layer.axis(0).adapt(&x).unwrap_err().kind(), ErrorKind::Argument);
    }
}
