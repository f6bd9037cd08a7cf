use kerros_core::DType;
use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;

metric! {
    /// The share of samples whose largest prediction is where the target is largest.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., classes]`; of equal largest, the first counts.
    CategoricalAccuracy {}
    name: "categorical_accuracy",
    names: &["categorical_accuracy"],
    summary: "share of right classes, targets one-hot",
}

impl MeanMetric for CategoricalAccuracy {
    fn name(&self) -> &str {
        &self.name
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        y_true.argmax(-1).equal(y_pred.argmax(-1)).cast(DType::F32)
    }
}
