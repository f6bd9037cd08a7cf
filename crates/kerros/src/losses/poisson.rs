use kerros_graph::Node;

use super::define::{loss, named};
use super::{EPSILON, Loss, Targets};

loss! {
    /// `mean(y_pred - y_true * log(y_pred + 1e-7))` over the last axis.
    ///
    /// Counts: the predictions are rates of Poisson distributions, positive.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    Poisson {}
    name: "poisson",
    names: &["poisson"],
    summary: "Poisson loss of counts: mean of y_pred - y_true * log(y_pred)",
}

impl Loss for Poisson {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        (y_pred - y_true * (y_pred + EPSILON).log()).mean(&[-1])
    }
}
