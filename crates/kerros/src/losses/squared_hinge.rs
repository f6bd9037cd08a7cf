use kerros_graph::Node;

use super::define::{loss, named};
use super::hinge::signs;
use super::{Loss, Targets};

loss! {
    /// `mean(max(1 - y_true * y_pred, 0)^2)` over the last axis.
    ///
    /// As [`super::Hinge`], with large violations costing more. Labels 0 and 1 are taken as -1 and
    /// 1 when a batch holds no others.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    SquaredHinge {}
    name: "squared_hinge",
    names: &["squared_hinge"],
    summary: "the square of max(1 - y_true * y_pred, 0)",
}

impl Loss for SquaredHinge {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let y_true = signs(y_true);
        (1.0 - y_true * y_pred).maximum(0.0).square().mean(&[-1])
    }
}
