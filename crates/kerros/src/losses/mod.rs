//! Losses: one file each, and the list below.

use kerros_core::Result;
use kerros_graph::Node;

use crate::object::{Described, Entry, Registry, family};

mod align;
mod binary_crossentropy;
mod binary_focal_crossentropy;
mod categorical_crossentropy;
mod categorical_focal_crossentropy;
mod categorical_generalized_cross_entropy;
mod categorical_hinge;
mod circle;
pub(crate) mod cosine_similarity;
mod ctc;
mod custom;
pub(crate) mod define;
mod dice;
mod hinge;
mod huber;
mod kl_divergence;
mod log_cosh;
mod mean_absolute_error;
mod mean_absolute_percentage_error;
mod mean_squared_error;
mod mean_squared_logarithmic_error;
mod poisson;
mod reduce;
mod resolve;
pub(crate) mod settings;
mod smoothing;
mod sparse_categorical_crossentropy;
mod squared_hinge;
mod tversky;

pub use align::align;
pub use binary_crossentropy::BinaryCrossentropy;
pub use binary_focal_crossentropy::BinaryFocalCrossentropy;
pub use categorical_crossentropy::CategoricalCrossentropy;
pub use categorical_focal_crossentropy::CategoricalFocalCrossentropy;
pub use categorical_generalized_cross_entropy::CategoricalGeneralizedCrossEntropy;
pub use categorical_hinge::CategoricalHinge;
pub use circle::Circle;
pub use cosine_similarity::CosineSimilarity;
pub use ctc::CTC;
pub(crate) use ctc::{Lengths as CtcLengths, ctc};
pub use custom::CustomLoss;
pub use dice::Dice;
pub use hinge::Hinge;
pub use huber::Huber;
pub use kl_divergence::KLDivergence;
pub use log_cosh::LogCosh;
pub use mean_absolute_error::MeanAbsoluteError;
pub use mean_absolute_percentage_error::MeanAbsolutePercentageError;
pub use mean_squared_error::MeanSquaredError;
pub use mean_squared_logarithmic_error::MeanSquaredLogarithmicError;
pub use poisson::Poisson;
pub use reduce::{compute, fit_weight, reduce_weighted};
pub use resolve::{Task, is_crossentropy, resolve};
pub use sparse_categorical_crossentropy::SparseCategoricalCrossentropy;
pub use squared_hinge::SquaredHinge;
pub use tversky::Tversky;

/// How per-sample losses become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Reduction {
    /// The sum divided by the number of per-sample losses. Keras's default.
    #[default]
    SumOverBatchSize,
    /// The sum.
    Sum,
    /// As [`Reduction::SumOverBatchSize`].
    Mean,
    /// The weighted sum divided by the sum of the weights.
    MeanWithSampleWeight,
    /// No reduction: for evaluation, which reports the mean; such a loss cannot train.
    None,
}

impl Reduction {
    /// Every reduction.
    pub const ALL: [Reduction; 5] = [
        Reduction::SumOverBatchSize,
        Reduction::Sum,
        Reduction::Mean,
        Reduction::MeanWithSampleWeight,
        Reduction::None,
    ];

    /// Keras's name, such as `"sum_over_batch_size"`.
    pub const fn name(self) -> &'static str {
        match self {
            Reduction::SumOverBatchSize => "sum_over_batch_size",
            Reduction::Sum => "sum",
            Reduction::Mean => "mean",
            Reduction::MeanWithSampleWeight => "mean_with_sample_weight",
            Reduction::None => "none",
        }
    }
}

/// What a loss or metric compares predictions with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Targets {
    /// Numbers of the predictions' shape (a missing or extra last axis of length 1 is mended).
    Values,
    /// Class labels: whole numbers, without the predictions' class axis.
    Labels,
    /// Numbers of any shape with the batch axis first: what compares them knows how.
    Any,
}

/// What training makes small.
pub trait Loss: Described {
    /// The name in histories and configs, such as `"mean_squared_error"`.
    fn name(&self) -> &str;
    /// How per-sample losses become one number.
    fn reduction(&self) -> Reduction;
    /// What it compares predictions with.
    fn targets(&self) -> Targets;
    /// Checks the settings: for `compile`.
    ///
    /// # Errors
    /// The first setting that cannot be.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// The per-sample losses.
    ///
    /// # Shape
    /// `y_pred: [batch, .., n]`; `y_true` the same (`f32`), or `[batch, ..]` (`i32`) for
    /// [`Targets::Labels`], or as given (`f32`) for [`Targets::Any`]; both aligned by the caller.
    /// `-> [batch, ..]`
    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g>;
    /// 1 for each of the per-sample `losses` that counts and 0 for the others; none where all
    /// count.
    fn mask<'g>(&self, y_true: Node<'g>, losses: Node<'g>) -> Option<Node<'g>> {
        let _ = (y_true, losses);
        None
    }
    /// Whether predictions are logits: for the check against a softmax or sigmoid output.
    // A question named like Keras's argument, no conversion.
    #[allow(clippy::wrong_self_convention)]
    fn from_logits(&self) -> Option<bool> {
        None
    }
}

/// All losses.
pub static REGISTRY: Registry<dyn Loss> = Registry::new("loss", "keras.losses", ENTRIES);

static ENTRIES: &[Entry<dyn Loss>] = &[
    mean_squared_error::ENTRY,
    mean_absolute_error::ENTRY,
    mean_absolute_percentage_error::ENTRY,
    mean_squared_logarithmic_error::ENTRY,
    huber::ENTRY,
    log_cosh::ENTRY,
    cosine_similarity::ENTRY,
    binary_crossentropy::ENTRY,
    categorical_crossentropy::ENTRY,
    sparse_categorical_crossentropy::ENTRY,
    binary_focal_crossentropy::ENTRY,
    categorical_focal_crossentropy::ENTRY,
    categorical_generalized_cross_entropy::ENTRY,
    kl_divergence::ENTRY,
    poisson::ENTRY,
    hinge::ENTRY,
    squared_hinge::ENTRY,
    categorical_hinge::ENTRY,
    dice::ENTRY,
    tversky::ENTRY,
    circle::ENTRY,
    ctc::ENTRY,
];

/// Where probabilities are clipped, and what keeps divisors from 0: `keras.config.epsilon()`.
pub(crate) const EPSILON: f32 = 1e-7;

/// A probability within `1e-7..1 - 1e-7`, the bounds rounded to `f32` as Keras rounds them.
pub(crate) fn clip_probability(p: Node<'_>) -> Node<'_> {
    p.clip(EPSILON, (1.0 - 1e-7f64) as f32)
}

family!(Loss, REGISTRY);
