use kerros_graph::Node;

use super::define::{loss, named};
use super::{EPSILON, Loss, Targets};

loss! {
    /// `100 * mean(|y_true - y_pred| / max(|y_true|, 1e-7))` over the last axis.
    ///
    /// Regression of positive quantities whose relative error matters. Targets near 0 dominate.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    ///
    /// # Gradient
    /// 0 where prediction and target are equal.
    MeanAbsolutePercentageError {}
    name: "mean_absolute_percentage_error",
    names: &["mape", "mean_absolute_percentage_error"],
    summary: "100 times the mean of |y_true - y_pred| / |y_true|",
}

impl Loss for MeanAbsolutePercentageError {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let scale = y_true.abs().maximum(EPSILON);
        ((y_true - y_pred) / scale).abs().mean(&[-1]) * 100.0
    }
}
