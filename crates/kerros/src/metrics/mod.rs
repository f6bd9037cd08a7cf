//! Metrics: one file each (means of losses share one), and the list below.

use kerros_core::{DType, Result, Shape, Tensor};
use kerros_graph::Node;

use crate::losses::Targets;
use crate::object::{Described, Entry, Registry, family};

mod accuracy;
mod binary_accuracy;
mod categorical_accuracy;
mod cosine_similarity;
mod custom;
mod define;
mod mean;
mod of_losses;
mod resolve;
mod root_mean_squared_error;
mod sparse_categorical_accuracy;
mod sparse_top_k_categorical_accuracy;
mod top_k_categorical_accuracy;
mod value;

pub use accuracy::{Accuracy, ExactAccuracy, resolve_accuracy};
pub use binary_accuracy::BinaryAccuracy;
pub use categorical_accuracy::CategoricalAccuracy;
pub use cosine_similarity::CosineSimilarity;
pub use custom::CustomMetric;
pub use mean::MeanMetric;
pub use of_losses::{
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, Hinge, KLDivergence,
    LogCoshError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, Poisson, SparseCategoricalCrossentropy, SquaredHinge,
};
pub use resolve::{is_accuracy, resolve};
pub use root_mean_squared_error::RootMeanSquaredError;
pub use sparse_categorical_accuracy::SparseCategoricalAccuracy;
pub use sparse_top_k_categorical_accuracy::SparseTopKCategoricalAccuracy;
pub use top_k_categorical_accuracy::TopKCategoricalAccuracy;
pub use value::MetricValue;

/// A number, or several, that a metric carries from batch to batch; starts at 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricVariable {
    /// Its name, such as `"total"`.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// Its element type: `f32`, or `i32` for what Keras counts in whole numbers.
    pub dtype: DType,
}

impl MetricVariable {
    /// An `f32` variable of this shape.
    pub fn new(name: &'static str, shape: impl Into<Shape>) -> Self {
        MetricVariable { name, shape: shape.into(), dtype: DType::F32 }
    }

    /// What it holds before the first batch.
    pub fn zeros(&self) -> Tensor {
        Tensor::zeros(&self.shape, self.dtype)
    }
}

/// What is reported beside the loss.
pub trait Metric: Described {
    /// The name in histories, such as `"accuracy"`.
    fn name(&self) -> &str;
    /// What it compares predictions with.
    fn targets(&self) -> Targets;
    /// Checks the settings: for `compile`.
    ///
    /// # Errors
    /// The first setting that cannot be.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// What it carries from batch to batch, for predictions of this shape (with the batch axis,
    /// whose length says nothing).
    ///
    /// # Errors
    /// [`kerros_core::ErrorKind::Shape`] for predictions that it cannot measure.
    fn variables(&self, y_pred: &Shape) -> Result<Vec<MetricVariable>>;
    /// The variables after one more batch.
    ///
    /// `y_true` and `y_pred` as in [`crate::losses::Loss::call`]; `sample_weight` over the
    /// leading axes of the predictions, from `[batch]` on, or longer by a last axis of 1. A
    /// mistake in shapes is reported by the graph.
    fn update<'g>(
        &self,
        variables: &[Node<'g>],
        y_true: Node<'g>,
        y_pred: Node<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Vec<Node<'g>>;
    /// The value so far, computed on the host from the variables.
    fn result(&self, variables: &[Tensor]) -> MetricValue;
}

/// All metrics.
pub static REGISTRY: Registry<dyn Metric> =
    Registry { noun: "metric", module: "keras.metrics", entries: ENTRIES };

static ENTRIES: &[Entry<dyn Metric>] = &[
    ExactAccuracy::ENTRY,
    BinaryAccuracy::ENTRY,
    CategoricalAccuracy::ENTRY,
    SparseCategoricalAccuracy::ENTRY,
    TopKCategoricalAccuracy::ENTRY,
    SparseTopKCategoricalAccuracy::ENTRY,
    MeanSquaredError::ENTRY,
    RootMeanSquaredError::ENTRY,
    MeanAbsoluteError::ENTRY,
    MeanAbsolutePercentageError::ENTRY,
    MeanSquaredLogarithmicError::ENTRY,
    LogCoshError::ENTRY,
    CosineSimilarity::ENTRY,
    BinaryCrossentropy::ENTRY,
    CategoricalCrossentropy::ENTRY,
    SparseCategoricalCrossentropy::ENTRY,
    Poisson::ENTRY,
    KLDivergence::ENTRY,
    Hinge::ENTRY,
    SquaredHinge::ENTRY,
    CategoricalHinge::ENTRY,
];

family!(Metric, REGISTRY);
