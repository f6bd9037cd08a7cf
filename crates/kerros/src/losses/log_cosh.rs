use kerros_graph::Node;

use super::define::{loss, named};
use super::{Loss, Targets};

loss! {
    /// `mean(log(cosh(y_pred - y_true)))` over the last axis.
    ///
    /// Regression: nearly `error^2 / 2` for small errors, `|error| - log(2)` for large ones.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    LogCosh {}
    name: "log_cosh",
    names: &["logcosh", "log_cosh"],
    summary: "mean of log(cosh(y_pred - y_true))",
}

impl Loss for LogCosh {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        // log(cosh(x)) = |x| + log(1 + e^(-2|x|)) - log(2): no exponential overflows.
        let size = (y_pred - y_true).abs();
        let log_cosh = size + (size * -2.0).exp().log1p() - std::f32::consts::LN_2;
        log_cosh.mean(&[-1])
    }
}
