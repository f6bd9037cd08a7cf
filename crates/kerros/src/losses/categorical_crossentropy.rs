use kerros_core::Result;
use kerros_graph::Node;

use super::define::{crossentropy_methods, loss, named};
use super::smoothing::{check_smoothing, smooth_towards_even};
use super::{Loss, Targets, clip_probability};
use crate::activations::axes::to_last;

loss! {
    /// `-sum(y_true * log(p))` over the class axis.
    ///
    /// One of several classes, targets one-hot or distributions: after a softmax, or on logits with
    /// `from_logits(true)`, which is faster and more accurate.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., classes] -> [batch, ..]`
    ///
    /// # Parameters
    /// - `from_logits`: whether predictions are logits `x`, with `p = softmax(x)`. Default: `false`;
    ///   then `p` is the prediction divided by its sum and clipped to `1e-7..1 - 1e-7`.
    /// - `label_smoothing`: `s` turns targets `y` into `y * (1 - s) + s / classes`. Default: 0.
    /// - `axis`: the class axis. Default: -1.
    ///
    /// # Gradient
    /// 0 for probabilities outside the clipping range.
    CategoricalCrossentropy { from_logits: bool = false, label_smoothing: f64 = 0.0, axis: isize = -1 }
    name: "categorical_crossentropy",
    names: &["categorical_crossentropy"],
    summary: "cross-entropy of one-hot classes",
}

crossentropy_methods!(CategoricalCrossentropy, "Sets the class axis.");

impl Loss for CategoricalCrossentropy {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn check(&self) -> Result<()> {
        check_smoothing(self.label_smoothing)
    }

    fn from_logits(&self) -> Option<bool> {
        Some(self.from_logits)
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        // Whatever the axis of the classes: Keras smooths by the length of the last one.
        let y_true = smooth_towards_even(y_true, self.label_smoothing);
        let (y_true, y_pred) = (to_last(y_true, self.axis), to_last(y_pred, self.axis));
        if self.from_logits {
            return y_pred.softmax_cross_entropy(y_true);
        }
        -(y_true * clip_probability(share(y_pred)).log()).sum(&[-1])
    }
}

/// `x / sum(x)` over the last axis.
pub(crate) fn share(x: Node<'_>) -> Node<'_> {
    x / x.sum(&[-1]).keep(x.ndim() - 1)
}
