use kerros_graph::Node;

use super::define::{loss, named};
use super::{EPSILON, Loss, Targets};
use crate::activations::axes::to_last;

loss! {
    /// `-sum(y_true * y_pred) / (|y_true| * |y_pred|)` over an axis: -1 for equal directions.
    ///
    /// Embeddings of which only the direction counts. A vector of zeros gives 0.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`, without the axis.
    ///
    /// # Parameters
    /// - `axis`: the axis of the vectors. Default: -1. (Keras 3.15 leaves it out of the config it
    ///   saves; Kerros writes it, and Keras reads it.)
    CosineSimilarity { axis: isize = -1 }
    name: "cosine_similarity",
    names: &["cosine_similarity"],
    summary: "minus the cosine between target and prediction",
}

impl CosineSimilarity {
    /// Sets the axis of the vectors.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl Loss for CosineSimilarity {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        -cosine(y_true, y_pred, self.axis)
    }
}

/// The cosine of the angle between vectors along an axis, which vanishes.
pub(crate) fn cosine<'g>(a: Node<'g>, b: Node<'g>, axis: isize) -> Node<'g> {
    let (a, b) = (to_last(a, axis), to_last(b, axis));
    (normalized(a) * normalized(b)).sum(&[-1])
}

/// `x / |x|` over the last axis; what is shorter than 1e-7 is divided by 1e-7.
pub(crate) fn normalized(x: Node<'_>) -> Node<'_> {
    let square = x.square().sum(&[-1]).keep(x.ndim() - 1);
    // A length of 0 has no finite rsqrt derivative: it is set aside before.
    let is_short = square.less(EPSILON * EPSILON);
    x * is_short.select(1.0 / EPSILON, is_short.select(1.0, square).rsqrt())
}
