use kerros_core::DType;
use kerros_graph::Node;

use super::define::{loss, named};
use super::settings::LastAxis;
use super::{Loss, Targets, clip_probability};

loss! {
    /// `-log(p[y_true])` along the last axis.
    ///
    /// One of several classes, targets class indices: after a softmax, or on logits with
    /// `from_logits(true)`, which is faster and more accurate.
    ///
    /// # Shape
    /// `y_true: i32 [batch, ..]`, `y_pred: [batch, .., classes] -> [batch, ..]`
    ///
    /// # Parameters
    /// - `from_logits`: whether predictions are logits `x`, with `p = softmax(x)`. Default: `false`;
    ///   then `p` is the prediction divided by its sum and clipped to `1e-7..1 - 1e-7`.
    /// - `ignore_class`: a label whose samples count neither in the sum nor in the mean, such as -1
    ///   for pixels without a class. Default: none.
    ///
    /// # Gradient
    /// 0 for probabilities outside the clipping range.
    SparseCategoricalCrossentropy { from_logits: bool = false, ignore_class: Option<i32> = None, axis: LastAxis = LastAxis }
    name: "sparse_categorical_crossentropy",
    names: &["sparse_categorical_crossentropy"],
    summary: "cross-entropy of class indices",
}

impl SparseCategoricalCrossentropy {
    /// Sets whether predictions are logits rather than probabilities.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// Sets a label whose samples do not count.
    pub fn ignore_class(mut self, class: i32) -> Self {
        self.ignore_class = Some(class);
        self
    }
}

impl Loss for SparseCategoricalCrossentropy {
    named!();

    fn targets(&self) -> Targets {
        Targets::Labels
    }

    fn from_logits(&self) -> Option<bool> {
        Some(self.from_logits)
    }

    fn mask<'g>(&self, y_true: Node<'g>, _losses: Node<'g>) -> Option<Node<'g>> {
        let ignored = is_class(y_true, self.ignore_class?);
        Some(1.0 - ignored.cast(DType::F32))
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        // An ignored label may be no class at all: it becomes class 0, its loss 0.
        let ignored = self.ignore_class.map(|class| is_class(y_true, class));
        let labels = match ignored {
            Some(ignored) => y_true * (1.0 - ignored.cast(DType::F32)).cast(DType::I32),
            None => y_true,
        };
        let losses = match self.from_logits {
            true => y_pred.softmax_cross_entropy(labels),
            false => {
                let hit = labels.keep(labels.ndim()).equal(iota_of(y_pred));
                let picked = hit.select(y_pred, 0.0).sum(&[-1]);
                -clip_probability(picked / y_pred.sum(&[-1])).log()
            }
        };
        ignored.map_or(losses, |ignored| ignored.select(0.0, losses))
    }
}

fn is_class(labels: Node<'_>, class: i32) -> Node<'_> {
    labels.equal(labels.graph().constant_i32(class))
}

/// The indices of the last axis.
fn iota_of(x: Node<'_>) -> Node<'_> {
    x.graph().iota(x.shape().last())
}
