//! Losses: one file each, and the list below.

use kerros_graph::Node;

use crate::object::{Described, Entry, Registry, family};

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
    /// No reduction: only outside of training.
    None,
}

/// What a loss or metric compares predictions with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Targets {
    /// Numbers of the predictions' shape (a missing or extra last axis of length 1 is mended).
    Values,
    /// Class labels: whole numbers, without the predictions' class axis.
    Labels,
}

/// What training makes small.
pub trait Loss: Described {
    /// The name in histories and configs, such as `"mean_squared_error"`.
    fn name(&self) -> &str;
    /// How per-sample losses become one number.
    fn reduction(&self) -> Reduction;
    /// What it compares predictions with.
    fn targets(&self) -> Targets;
    /// The per-sample losses.
    ///
    /// # Shape
    /// `y_pred: [batch, .., n]`; `y_true` the same (`f32`), or `[batch, ..]` (`i32`) for
    /// [`Targets::Labels`]; both aligned by the caller. `-> [batch, ..]`
    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g>;
    /// Whether predictions are logits: for the check against a softmax or sigmoid output.
    fn from_logits(&self) -> Option<bool> {
        None
    }
}

/// All losses.
pub static REGISTRY: Registry<dyn Loss> =
    Registry { noun: "loss", module: "keras.losses", entries: ENTRIES };

static ENTRIES: &[Entry<dyn Loss>] = &[];

family!(Loss, REGISTRY);
