//! How far predictions go with targets.

use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;

metric! {
    /// The mean Pearson correlation of targets and predictions along an axis: 1 where they go
    /// together, 0 where they have nothing to do with each other, NaN where either is constant.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n]`
    ///
    /// # Parameters
    /// - `axis`: default -1.
    PearsonCorrelation { axis: isize = -1 }
    name: "pearson_correlation",
    names: &["pearson_correlation"],
    summary: "mean correlation of target and prediction",
}

impl PearsonCorrelation {
    /// Sets the axis that is correlated.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl MeanMetric for PearsonCorrelation {
    fn name(&self) -> &str {
        &self.name
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let normalized = |y: Node<'g>| {
            let centred = y - mean_over(y, self.axis);
            centred / variance_over(centred, self.axis).sqrt()
        };
        (normalized(y_true) * normalized(y_pred)).mean(&[self.axis])
    }
}

metric! {
    /// The mean concordance of targets and predictions along an axis,
    /// `2 * covariance / (variances + (mean(y_true) - mean(y_pred))^2)`: a correlation that also
    /// wants the same mean and scale.
    ///
    /// As in Keras 3.15 the covariance is `mean((y_true - mean(y_pred)) * (y_pred -
    /// mean(y_pred)))`.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n]`
    ///
    /// # Parameters
    /// - `axis`: default -1.
    ConcordanceCorrelation { axis: isize = -1 }
    name: "concordance_correlation",
    names: &["concordance_correlation"],
    summary: "mean agreement of target and prediction in course, mean and scale",
}

impl ConcordanceCorrelation {
    /// Sets the axis that is compared.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl MeanMetric for ConcordanceCorrelation {
    fn name(&self) -> &str {
        &self.name
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let (true_mean, pred_mean) = (mean_over(y_true, self.axis), mean_over(y_pred, self.axis));
        let variance = variance_over(y_true - true_mean, self.axis)
            + variance_over(y_pred - pred_mean, self.axis);
        let covariance = (y_true - pred_mean) * (y_pred - pred_mean);
        let norm = variance + (true_mean - pred_mean).square();
        (covariance * 2.0 / (norm + 1e-7)).mean(&[self.axis])
    }
}

/// The mean over an axis, which stays with length 1.
fn mean_over(x: Node<'_>, axis: isize) -> Node<'_> {
    let mean = x.mean(&[axis]);
    match x.shape().axis(axis) {
        Ok(axis) => mean.keep(axis),
        Err(_) => mean,
    }
}

/// The mean square distance from the mean over an axis, which stays with length 1.
fn variance_over(x: Node<'_>, axis: isize) -> Node<'_> {
    mean_over((x - mean_over(x, axis)).square(), axis)
}
