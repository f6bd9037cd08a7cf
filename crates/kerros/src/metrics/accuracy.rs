use std::sync::Arc;

use kerros_core::{DType, Shape};
use kerros_graph::Node;

use super::define::metric;
use super::{BinaryAccuracy, CategoricalAccuracy, MeanMetric, Metric, SparseCategoricalAccuracy};
use crate::losses::Task;
use crate::object::Choice;

/// The word `"accuracy"`: the share of right predictions, whatever the task.
///
/// It becomes [`BinaryAccuracy`], [`SparseCategoricalAccuracy`] or [`CategoricalAccuracy`] by
/// the shapes of targets and predictions: see [`resolve_accuracy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Accuracy;

impl From<Accuracy> for Choice<dyn Metric> {
    fn from(_: Accuracy) -> Self {
        Choice::Name("accuracy".into())
    }
}

/// What `"accuracy"` means for targets and predictions of these shapes (with the batch axis):
/// binary for one predicted number, sparse for labels, else categorical.
pub fn resolve_accuracy(word: &str, y_true: &Shape, y_pred: &Shape) -> Arc<dyn Metric> {
    match Task::of(y_true, y_pred) {
        Task::Binary => Arc::new(BinaryAccuracy::new().name(word)),
        Task::Labels => Arc::new(SparseCategoricalAccuracy::new().name(word)),
        Task::OneHot => Arc::new(CategoricalAccuracy::new().name(word)),
    }
}

metric! {
    /// The share of predicted numbers that equal the target exactly: Keras's class
    /// `Accuracy`.
    ///
    /// For predictions that are labels already. What one nearly always wants is the word
    /// [`Accuracy`].
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..]`
    ExactAccuracy {}
    class: "Accuracy",
    name: "accuracy",
    names: &[],
    summary: "share of predictions equal to the target",
}

impl MeanMetric for ExactAccuracy {
    fn name(&self) -> &str {
        &self.name
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        y_true.equal(y_pred).cast(DType::F32)
    }
}
