use kerros_core::DType;
use kerros_graph::Node;
use serde_json::Value;

use super::MeanMetric;
use super::define::metric;
use super::top_k_categorical_accuracy::in_top_k;
use crate::losses::Targets;
use crate::losses::settings::Setting;
metric! {
    /// The share of samples whose class is among the `k` largest predictions, targets labels.
    ///
    /// # Shape
    /// `y_true: i32 [batch, ..]`, `y_pred: [batch, .., classes]`
    ///
    /// # Parameters
    /// - `k`: default 5. Predictions equal to the class's own do not push it out.
    /// - `from_sorted_ids`: whether predictions are class labels, the best first, in place of
    ///   scores. Default: `false`.
    SparseTopKCategoricalAccuracy { k: usize = 5, from_sorted_ids: SortedIds = SortedIds(false) }
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

    /// Sets whether predictions are class labels, the best first.
    pub fn from_sorted_ids(mut self, from_sorted_ids: bool) -> Self {
        self.from_sorted_ids = SortedIds(from_sorted_ids);
        self
    }
}

/// Whether predictions are labels; Keras writes only that they are.
#[derive(Clone, Debug, PartialEq)]
struct SortedIds(bool);

impl Setting for SortedIds {
    const WHAT: &'static str = "true or false";
    fn write(&self) -> Value {
        self.0.into()
    }
    fn read(value: &Value) -> Option<Self> {
        value.as_bool().map(SortedIds)
    }
    fn is_left_out(&self) -> bool {
        !self.0
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
        if !self.from_sorted_ids.0 {
            return in_top_k(y_true, y_pred, self.k);
        }
        let last = y_pred.ndim() - 1;
        let first = y_pred.cast(DType::F32).slice(last, 0, self.k.min(y_pred.shape().last()));
        let is_hit = first.equal(y_true.cast(DType::F32).keep(last)).cast(DType::F32);
        is_hit.max(&[-1])
    }
}
