//! How far predictions go with targets.

use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;

metric! {
    /// The mean Pearson correlation of targets and predictions along axes: 1 where they go
    /// together, 0 where they have nothing to do with each other, NaN where either is constant.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n]`
    ///
    /// # Parameters
    /// - `axis`: the axes, batch axis included, along which numbers go together; all of them where
    ///   a config says null. Default: -1.
    PearsonCorrelation { axis: Option<Vec<isize>> = Some(vec![-1]) }
    name: "pearson_correlation",
    names: &["pearson_correlation"],
    summary: "mean correlation of target and prediction",
}

impl PearsonCorrelation {
    /// Sets the axis that is correlated.
    pub fn axis(self, axis: isize) -> Self {
        self.axes([axis])
    }

    /// Sets the axes that are correlated, together.
    pub fn axes(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.axis = Some(axes.into());
        self
    }
}

impl MeanMetric for PearsonCorrelation {
    fn name(&self) -> &str {
        &self.name
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let axes = &axes_of(&self.axis, y_pred);
        let normalized = |y: Node<'g>| {
            let centred = y - mean_over(y, axes);
            centred / variance_over(centred, axes).sqrt()
        };
        (normalized(y_true) * normalized(y_pred)).mean(axes)
    }
}

metric! {
    /// The mean concordance of targets and predictions along axes,
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
    /// - `axis`: the axes, batch axis included, along which numbers go together; all of them where
    ///   a config says null. Default: -1.
    ConcordanceCorrelation { axis: Option<Vec<isize>> = Some(vec![-1]) }
    name: "concordance_correlation",
    names: &["concordance_correlation"],
    summary: "mean agreement of target and prediction in course, mean and scale",
}

impl ConcordanceCorrelation {
    /// Sets the axis that is compared.
    pub fn axis(self, axis: isize) -> Self {
        self.axes([axis])
    }

    /// Sets the axes that are compared, together.
    pub fn axes(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.axis = Some(axes.into());
        self
    }
}

impl MeanMetric for ConcordanceCorrelation {
    fn name(&self) -> &str {
        &self.name
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let axes = &axes_of(&self.axis, y_pred);
        let (true_mean, pred_mean) = (mean_over(y_true, axes), mean_over(y_pred, axes));
        let variance =
            variance_over(y_true - true_mean, axes) + variance_over(y_pred - pred_mean, axes);
        let covariance = (y_true - pred_mean) * (y_pred - pred_mean);
        let norm = variance + (true_mean - pred_mean).square();
        (covariance * 2.0 / (norm + 1e-7)).mean(axes)
    }
}

/// These axes, or all that there are.
fn axes_of(axes: &Option<Vec<isize>>, x: Node<'_>) -> Vec<isize> {
    axes.clone().unwrap_or_else(|| (0..x.ndim() as isize).collect())
}

/// The mean over axes, which stay with length 1.
fn mean_over<'g>(x: Node<'g>, axes: &[isize]) -> Node<'g> {
    let mean = x.mean(axes);
    let mut dims = x.shape().to_vec();
    for &axis in axes {
        // An axis out of range is reported by the mean.
        let Ok(axis) = x.shape().axis(axis) else { return mean };
        dims[axis] = 1;
    }
    mean.reshape(dims)
}

/// The mean square distance from the mean over axes, which stay with length 1.
fn variance_over<'g>(x: Node<'g>, axes: &[isize]) -> Node<'g> {
    mean_over((x - mean_over(x, axes)).square(), axes)
}
