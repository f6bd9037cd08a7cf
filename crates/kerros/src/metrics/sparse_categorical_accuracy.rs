use kerros_core::DType;
use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;
use crate::losses::Targets;
metric! {
    /// The share of samples whose largest prediction is that of the labelled class.
    ///
    /// # Shape
    /// `y_true: i32 [batch, ..]`, `y_pred: [batch, .., classes]`; of equal largest, the first counts.
    SparseCategoricalAccuracy {}
    name: "sparse_categorical_accuracy",
    names: &["sparse_categorical_accuracy"],
    summary: "share of right classes, targets labels",
}

impl MeanMetric for SparseCategoricalAccuracy {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> Targets {
        Targets::Labels
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        y_true.equal(y_pred.argmax(-1)).cast(DType::F32)
    }
}
