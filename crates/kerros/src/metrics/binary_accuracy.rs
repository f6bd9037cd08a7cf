use kerros_core::DType;
use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;

metric! {
    /// The share of right answers to yes or no: `(y_pred > threshold) == y_true`.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..]`
    ///
    /// # Parameters
    /// - `threshold`: above what a prediction is a yes. Default: 0.5; for logits, 0.
    BinaryAccuracy { threshold: f64 = 0.5 }
    name: "binary_accuracy",
    names: &["binary_accuracy"],
    summary: "share of right answers to yes or no",
}

impl BinaryAccuracy {
    /// Sets above what a prediction is a yes.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

impl MeanMetric for BinaryAccuracy {
    fn name(&self) -> &str {
        &self.name
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let answer = y_pred.greater(self.threshold as f32).cast(DType::F32);
        answer.equal(y_true).cast(DType::F32)
    }
}
