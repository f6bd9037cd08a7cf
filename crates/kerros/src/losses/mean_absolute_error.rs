use kerros_graph::Node;

use super::define::{loss, named};
use super::{Loss, Targets};

loss! {
    /// `mean(|y_true - y_pred|)` over the last axis.
    ///
    /// Regression in which every unit of error counts the same.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    ///
    /// # Gradient
    /// 0 where prediction and target are equal, between the slopes -1 and 1 on the two sides.
    MeanAbsoluteError {}
    name: "mean_absolute_error",
    names: &["mae", "mean_absolute_error"],
    summary: "mean of |y_true - y_pred|",
}

impl Loss for MeanAbsoluteError {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        (y_true - y_pred).abs().mean(&[-1])
    }
}
