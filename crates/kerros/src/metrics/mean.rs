//! Metrics that are the mean of one number per sample.

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;

use super::{Metric, MetricValue, MetricVariable};
use crate::losses::Targets;
use crate::object::Described;

/// A metric that is the mean of a number per sample over all batches: the formula is all it
/// needs.
pub trait MeanMetric: Described {
    /// The name in histories, such as `"accuracy"`.
    fn name(&self) -> &str;
    /// What it compares predictions with.
    fn targets(&self) -> Targets {
        Targets::Values
    }
    /// Checks the settings.
    ///
    /// # Errors
    /// The first setting that cannot be.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// The numbers whose mean is reported.
    ///
    /// # Shape
    /// `y_true` and `y_pred` as in [`crate::losses::Loss::call`] `-> [batch, ..]`
    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g>;
    /// 1 for each of the `values` that counts where samples are weighted, 0 for the others.
    fn mask<'g>(&self, y_true: Node<'g>, values: Node<'g>) -> Option<Node<'g>> {
        let _ = (y_true, values);
        None
    }
    /// Whether masked steps do not count; see [`Metric::heeds_masks`].
    fn heeds_masks(&self) -> bool {
        true
    }
    /// What is reported, from the mean.
    fn finish(&self, mean: f64) -> f64 {
        mean
    }
}

impl<T: MeanMetric> Metric for T {
    fn name(&self) -> &str {
        MeanMetric::name(self)
    }

    fn targets(&self) -> Targets {
        MeanMetric::targets(self)
    }

    fn check(&self) -> Result<()> {
        MeanMetric::check(self)
    }

    fn heeds_masks(&self) -> bool {
        MeanMetric::heeds_masks(self)
    }

    fn variables(&self, _y_pred: &Shape) -> Result<Vec<MetricVariable>> {
        Ok(["total", "count"].map(|name| MetricVariable::new(name, [])).into())
    }

    fn update<'g>(
        &self,
        variables: &[Node<'g>],
        y_true: Node<'g>,
        y_pred: Node<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Vec<Node<'g>> {
        let values = self.values(y_true, y_pred);
        // Keras applies the mask to weights, and only where there are any.
        let mask = sample_weight.and_then(|_| self.mask(y_true, values));
        let (total, count) = totals(values, sample_weight, mask);
        vec![variables[0] + total, variables[1] + count]
    }

    fn result(&self, variables: &[Tensor]) -> MetricValue {
        let (total, count) = (variables[0].to_vec_f64()[0], variables[1].to_vec_f64()[0]);
        self.finish(if count == 0.0 { 0.0 } else { total / count }).into()
    }
}

/// What a batch adds to the total and to the count.
///
/// Per sample, the mean of its values, times the mean of its weights' products; without
/// weights the count is the number of samples.
fn totals<'g>(
    values: Node<'g>,
    sample_weight: Option<Node<'g>>,
    mask: Option<Node<'g>>,
) -> (Node<'g>, Node<'g>) {
    let graph = values.graph();
    let Some(weight) = sample_weight else {
        let samples = values.shape().first().copied().unwrap_or(1);
        return (per_sample(values, 1).sum_all(), graph.constant(samples as f32));
    };
    let weight = match fit(weight, &values.shape()) {
        Ok(weight) => weight,
        Err(error) => return (graph.fail(error, values.sum_all().ty()), graph.constant(0.0)),
    };
    let values = per_sample(values, weight.ndim());
    let weight = match mask {
        Some(mask) => weight * per_sample(mask, weight.ndim()),
        None => weight,
    };
    (per_sample(values * weight, 1).sum_all(), per_sample(weight, 1).sum_all())
}

/// The mean over all axes but the first `kept`.
fn per_sample(values: Node<'_>, kept: usize) -> Node<'_> {
    let axes: Vec<isize> = (kept as isize..values.ndim() as isize).collect();
    if axes.is_empty() { values } else { values.mean(&axes) }
}

/// Weights as `f32` that broadcast against the values: those of the leading axes count for all
/// that stands behind.
///
/// # Errors
/// [`ErrorKind::Shape`] for weights that are neither one per sample nor one per value.
pub(super) fn fit_weight<'g>(weight: Node<'g>, values: &Shape) -> Result<Node<'g>> {
    let weight = fit(weight, values)?;
    let mut dims = weight.shape().to_vec();
    dims.resize(values.ndim(), 1);
    Ok(weight.reshape(dims))
}

/// Weights as `f32`, over the leading axes of the values.
fn fit<'g>(weight: Node<'g>, values: &Shape) -> Result<Node<'g>> {
    let shape = weight.shape();
    let mut dims = shape.to_vec();
    while dims.len() > 1 && dims.last() == Some(&1) {
        dims.pop();
    }
    if dims.is_empty() || dims.len() > values.ndim() || dims[..] != values[..dims.len()] {
        return Err(Error::new(
            ErrorKind::Shape,
            format!("sample weights of shape {shape} for values of shape {values}"),
        )
        .expected("one weight per sample, [batch], or one per value"));
    }
    Ok(weight.cast(DType::F32).reshape(dims))
}
