use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;
use super::top_k_categorical_accuracy::in_top_k;
use crate::losses::Targets;
metric! {
    /// The share of samples whose class is among the `k` largest predictions, targets labels.
    ///
    /// # Shape
    /// `y_true: i32 [batch, ..]`, `y_pred: [batch, .., classes]`
    ///
    /// # Parameters
    /// - `k`: default 5. Predictions equal to the class's own do not push it out.
    SparseTopKCategoricalAccuracy { k: usize = 5 }
    name: "sparse_top_k_categorical_accuracy",
    names: &["sparse_top_k_categorical_accuracy"],
    summary: "share of classes among the k largest, targets labels",
}

impl SparseTopKCategoricalAccuracy {
    /// Sets how many largest predictions count.
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }
}

impl MeanMetric for SparseTopKCategoricalAccuracy {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> Targets {
        Targets::Labels
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        in_top_k(y_true, y_pred, self.k)
    }
}
