use kerros_core::DType;
use kerros_graph::Node;

use super::define::{loss, named};
use super::{Loss, Targets};

loss! {
    /// `mean(max(1 - y_true * y_pred, 0))` over the last axis.
    ///
    /// Two classes named -1 and 1, as a support vector machine tells them apart: right by less than
    /// 1 still costs. Labels 0 and 1 are taken as -1 and 1 when a batch holds no others.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    ///
    /// # Gradient
    /// Half of the slope where `y_true * y_pred` is exactly 1.
    Hinge {}
    name: "hinge",
    names: &["hinge"],
    summary: "max(1 - y_true * y_pred, 0) for labels -1 and 1",
}

impl Loss for Hinge {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let y_true = signs(y_true);
        (1.0 - y_true * y_pred).maximum(0.0).mean(&[-1])
    }
}

/// Labels 0 and 1 as -1 and 1, when all of the batch are 0 or 1.
pub(crate) fn signs(y_true: Node<'_>) -> Node<'_> {
    let is_bit = y_true.equal(0.0).logical_or(y_true.equal(1.0));
    let all = is_bit.cast(DType::F32).sum_all().equal(y_true.shape().num_elements() as f32);
    all.select(y_true * 2.0 - 1.0, y_true)
}
