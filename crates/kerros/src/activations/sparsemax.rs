use kerros_core::DType;
use kerros_graph::Node;

use super::Activation;
use super::axes::along;
use super::define::activation;

activation! {
    /// The point of the probability simplex nearest to `x`: `max(x - tau, 0)` with `tau` such
    /// that the sum over an axis is 1.
    ///
    /// As [`struct@super::Softmax`] with exact zeros.
    ///
    /// # Parameters
    /// - `axis`: default -1.
    ///
    /// # Gradient
    /// `dy` minus its mean over the positive outputs, there; 0 elsewhere.
    ///
    /// # Source
    /// Martins, Astudillo: "From softmax to sparsemax", arXiv 1602.02068, algorithm 1. Keras
    /// 3.15 adds up running sums where the algorithm takes the last one, so that its outputs do
    /// not sum to 1 wherever more than one is positive; Kerros follows the paper.
    Sparsemax { axis: isize = -1 }
    name: "sparsemax",
    names: &[],
    summary: "softmax with exact zeros",
}

impl Sparsemax {
    /// Sets the axis.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl Activation for Sparsemax {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        along(x, &[self.axis], sparsemax)
    }
}

/// Over the last axis.
fn sparsemax(x: Node<'_>) -> Node<'_> {
    let last = x.ndim() - 1;
    // The sum that the paper's support is found by: large x lose nothing near their maximum.
    let shifted = x - x.max(&[-1]).keep(last).stop_gradient();
    let sorted = shifted.stop_gradient().sort(true);
    let rank = (x.graph().iota(x.shape().last()) + 1.0).cast(DType::F32);
    // Element k is positive in the result when 1 + k * sorted[k] > sum of sorted[..=k].
    let support = (rank * sorted + 1.0).greater(sorted.cumsum(last));
    let smallest = support.select(sorted, f32::INFINITY).min(&[-1]).keep(last);
    let chosen = shifted.greater_equal(smallest);
    let count = chosen.cast(DType::F32).sum(&[-1]).keep(last);
    let tau = (chosen.select(shifted, 0.0).sum(&[-1]).keep(last) - 1.0) / count;
    (shifted - tau).relu()
}
