use kerros_graph::Node;

use super::define::{loss, named};
use super::{EPSILON, Loss, Targets};

loss! {
    /// `mean((log(1 + y_true) - log(1 + y_pred))^2)` over the last axis.
    ///
    /// Regression of quantities that span orders of magnitude. What is below 1e-7 counts as 1e-7.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    MeanSquaredLogarithmicError {}
    name: "mean_squared_logarithmic_error",
    names: &["msle", "mean_squared_logarithmic_error"],
    summary: "mean of (log(1 + y_true) - log(1 + y_pred))^2",
}

impl Loss for MeanSquaredLogarithmicError {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let log = |y: Node<'g>| (y.maximum(EPSILON) + 1.0).log();
        (log(y_pred) - log(y_true)).square().mean(&[-1])
    }
}
