use kerros_core::DType;
use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;

metric! {
    /// The share of samples whose class is among the `k` largest predictions, targets one-hot.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., classes]`
    ///
    /// # Parameters
    /// - `k`: default 5. Predictions equal to the class's own do not push it out.
    TopKCategoricalAccuracy { k: usize = 5 }
    name: "top_k_categorical_accuracy",
    names: &["top_k_categorical_accuracy"],
    summary: "share of classes among the k largest, targets one-hot",
}

impl TopKCategoricalAccuracy {
    /// Sets how many largest predictions count.
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }
}

impl MeanMetric for TopKCategoricalAccuracy {
    fn name(&self) -> &str {
        &self.name
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        in_top_k(y_true.argmax(-1), y_pred, self.k)
    }
}

/// 1 where fewer than `k` predictions of a row are larger than the labelled one, else 0. A
/// labelled prediction that is NaN counts as smallest.
pub(super) fn in_top_k<'g>(labels: Node<'g>, y_pred: Node<'g>, k: usize) -> Node<'g> {
    let last = labels.ndim();
    let classes = y_pred.graph().iota(y_pred.shape().last());
    let hit = labels.keep(last).equal(classes);
    let picked = hit.select(y_pred, 0.0).sum(&[-1]);
    let picked = picked.is_nan().select(f32::NEG_INFINITY, picked);
    let larger = y_pred.greater(picked.keep(last)).cast(DType::F32).sum(&[-1]);
    larger.less(k as f32).cast(DType::F32)
}
