use kerros_graph::Node;

use super::define::{loss, named};
use super::{Loss, Targets};

loss! {
    /// `max(wrong - right + 1, 0)` with `right = sum(y_true * y_pred)` and
    /// `wrong = max((1 - y_true) * y_pred)` over the last axis.
    ///
    /// One of several classes, one-hot: the right score shall lead every wrong one by 1.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    ///
    /// # Gradient
    /// Equal largest wrong scores share it; half of the slope where the lead is exactly 1.
    CategoricalHinge {}
    name: "categorical_hinge",
    names: &["categorical_hinge"],
    summary: "lead of the right class over the best wrong one, up to 1",
}

impl Loss for CategoricalHinge {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let right = (y_true * y_pred).sum(&[-1]);
        let wrong = ((1.0 - y_true) * y_pred).max(&[-1]);
        (wrong - right + 1.0).maximum(0.0)
    }
}
