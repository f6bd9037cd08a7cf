//! Metrics: one file each (means of losses share one), and the list below.

use kerros_core::{DType, Result, Shape, Tensor};
use kerros_graph::{Node, Type};

use crate::losses::Targets;
use crate::object::{Described, Entry, Registry, family};

mod accuracy;
mod at_constraint;
mod auc;
mod binary_accuracy;
mod categorical_accuracy;
mod confusion;
mod correlations;
mod cosine_similarity;
mod counts;
mod custom;
mod define;
mod f_scores;
mod iou;
mod mean;
mod mean_and_sum;
mod mean_metric_wrapper;
mod of_losses;
mod precision_and_recall;
mod r2_score;
mod resolve;
mod root_mean_squared_error;
mod sparse_categorical_accuracy;
mod sparse_top_k_categorical_accuracy;
mod top_k_categorical_accuracy;
mod tracker;
mod value;

pub use accuracy::{Accuracy, ExactAccuracy, resolve_accuracy};
pub use at_constraint::{
    PrecisionAtRecall, RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity,
};
pub use auc::{AUC, Curve, Summation};
pub use binary_accuracy::BinaryAccuracy;
pub use categorical_accuracy::CategoricalAccuracy;
pub use correlations::{ConcordanceCorrelation, PearsonCorrelation};
pub use cosine_similarity::CosineSimilarity;
pub use counts::{FalseNegatives, FalsePositives, TrueNegatives, TruePositives};
pub use custom::CustomMetric;
pub use f_scores::{Average, F1Score, FBetaScore};
pub use iou::{BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU};
pub use mean::MeanMetric;
pub use mean_and_sum::{Mean, Sum};
pub use mean_metric_wrapper::MeanMetricWrapper;
pub use of_losses::{
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, Hinge, KLDivergence,
    LogCoshError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, Poisson, SparseCategoricalCrossentropy, SquaredHinge,
};
pub use precision_and_recall::{Precision, Recall};
pub use r2_score::{ClassAggregation, R2Score};
pub use resolve::{is_accuracy, resolve};
pub use root_mean_squared_error::RootMeanSquaredError;
pub use sparse_categorical_accuracy::SparseCategoricalAccuracy;
pub use sparse_top_k_categorical_accuracy::SparseTopKCategoricalAccuracy;
pub use top_k_categorical_accuracy::TopKCategoricalAccuracy;
pub use tracker::Tracker;
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

    /// Its type.
    pub fn ty(&self) -> Type {
        Type::new(self.dtype, &self.shape)
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
    /// Whether steps of the predictions that are masked do not count when a model is evaluated.
    /// In Keras they do not for means of a function of labels and predictions, and do for all
    /// others; while a model is trained on JAX, they do for all.
    fn heeds_masks(&self) -> bool {
        false
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
pub static REGISTRY: Registry<dyn Metric> = Registry::new("metric", "keras.metrics", ENTRIES);

static ENTRIES: &[Entry<dyn Metric>] = &[
    ExactAccuracy::ENTRY,
    BinaryAccuracy::ENTRY,
    CategoricalAccuracy::ENTRY,
    SparseCategoricalAccuracy::ENTRY,
    TopKCategoricalAccuracy::ENTRY,
    SparseTopKCategoricalAccuracy::ENTRY,
    Precision::ENTRY,
    Recall::ENTRY,
    F1Score::ENTRY,
    FBetaScore::ENTRY,
    AUC::ENTRY,
    SensitivityAtSpecificity::ENTRY,
    SpecificityAtSensitivity::ENTRY,
    PrecisionAtRecall::ENTRY,
    RecallAtPrecision::ENTRY,
    TruePositives::ENTRY,
    TrueNegatives::ENTRY,
    FalsePositives::ENTRY,
    FalseNegatives::ENTRY,
    MeanIoU::ENTRY,
    IoU::ENTRY,
    BinaryIoU::ENTRY,
    OneHotMeanIoU::ENTRY,
    OneHotIoU::ENTRY,
    MeanSquaredError::ENTRY,
    RootMeanSquaredError::ENTRY,
    MeanAbsoluteError::ENTRY,
    MeanAbsolutePercentageError::ENTRY,
    MeanSquaredLogarithmicError::ENTRY,
    LogCoshError::ENTRY,
    R2Score::ENTRY,
    CosineSimilarity::ENTRY,
    PearsonCorrelation::ENTRY,
    ConcordanceCorrelation::ENTRY,
    BinaryCrossentropy::ENTRY,
    CategoricalCrossentropy::ENTRY,
    SparseCategoricalCrossentropy::ENTRY,
    Poisson::ENTRY,
    KLDivergence::ENTRY,
    Hinge::ENTRY,
    SquaredHinge::ENTRY,
    CategoricalHinge::ENTRY,
    Mean::ENTRY,
    Sum::ENTRY,
    MeanMetricWrapper::ENTRY,
    mean_metric_wrapper::entry!("binary_focal_crossentropy"),
    mean_metric_wrapper::entry!("categorical_focal_crossentropy"),
    mean_metric_wrapper::entry!("categorical_generalized_cross_entropy"),
    mean_metric_wrapper::entry!("circle"),
    mean_metric_wrapper::entry!("dice"),
    mean_metric_wrapper::entry!("huber"),
    mean_metric_wrapper::entry!("log_cosh"),
    mean_metric_wrapper::entry!("tversky"),
];

family!(Metric, REGISTRY);
