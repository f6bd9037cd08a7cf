use kerros_core::Result;
use kerros_graph::Node;

use super::define::{crossentropy_methods, loss, named};
use super::smoothing::{check_smoothing, smooth_towards_half};
use super::{Loss, Targets, clip_probability};

loss! {
    /// `mean(-y_true * log(p) - (1 - y_true) * log(1 - p))` over an axis.
    ///
    /// Yes or no, once or several times per sample: after a sigmoid, or on logits with
    /// `from_logits(true)`, which is more accurate.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    ///
    /// # Parameters
    /// - `from_logits`: whether predictions are logits `x`, with `p = sigmoid(x)`. Default: `false`;
    ///   then `p` is the prediction clipped to `1e-7..1 - 1e-7`.
    /// - `label_smoothing`: `s` turns targets `y` into `y * (1 - s) + s / 2`. Default: 0.
    /// - `axis`: the axis of the mean. Default: -1.
    ///
    /// # Gradient
    /// 0 for probabilities outside the clipping range.
    BinaryCrossentropy { from_logits: bool = false, label_smoothing: f64 = 0.0, axis: isize = -1 }
    name: "binary_crossentropy",
    names: &["bce", "binary_crossentropy"],
    summary: "cross-entropy of yes and no",
}

crossentropy_methods!(BinaryCrossentropy, "Sets the axis of the mean.");

impl Loss for BinaryCrossentropy {
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
        let y_true = smooth_towards_half(y_true, self.label_smoothing);
        elementwise(y_true, y_pred, self.from_logits).mean(&[self.axis])
    }
}

/// Cross-entropy of yes and no, element by element.
pub(crate) fn elementwise<'g>(y_true: Node<'g>, y_pred: Node<'g>, from_logits: bool) -> Node<'g> {
    if from_logits {
        return y_pred.sigmoid_cross_entropy(y_true);
    }
    let p = clip_probability(y_pred);
    -(y_true * p.log() + (1.0 - y_true) * (1.0 - p).log())
}
