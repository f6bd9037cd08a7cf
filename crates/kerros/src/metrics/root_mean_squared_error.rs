use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;

metric! {
    /// `sqrt(mean((y_true - y_pred)^2))` over all batches: the error in the targets' own unit.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..]`
    RootMeanSquaredError {}
    name: "root_mean_squared_error",
    names: &["rmse", "root_mean_squared_error"],
    summary: "square root of the mean squared error",
}

impl MeanMetric for RootMeanSquaredError {
    fn name(&self) -> &str {
        &self.name
    }

    fn finish(&self, mean: f64) -> f64 {
        mean.sqrt()
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        (y_true - y_pred).square()
    }

    fn heeds_masks(&self) -> bool {
        false
    }
}
