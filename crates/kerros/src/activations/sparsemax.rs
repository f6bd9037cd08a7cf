use kerros_core::DType;
use kerros_graph::Node;

use super::Activation;
use super::axes::along;
use super::define::activation;

activation! {
    /// `max(x - tau, 0)` over an axis: a softmax with exact zeros.
    ///
    /// With `x` sorted from the largest down, `c` its running sums, and `k` the number of
    /// positions `r` with `1 + r * x[r] > c[r]`: `tau = (c[1] + .. + c[k] - 1) / k`.
    ///
    /// # Parameters
    /// - `axis`: default -1.
    ///
    /// # Source
    /// Keras 3.15, whose numbers these are. The projection onto the probability simplex of
    /// Martins, Astudillo: "From softmax to sparsemax", arXiv 1602.02068, has `c[k]` alone
    /// where Keras adds up `c[1] + .. + c[k]`: the two agree where one output is positive;
    /// elsewhere Keras's outputs do not sum to 1.
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
    let sorted = x.sort(true);
    let running = sorted.cumsum(last);
    let rank = (x.graph().iota(x.shape().last()) + 1.0).cast(DType::F32);
    let support = (sorted - (running - 1.0) / rank).greater(0.0);
    let count = support.cast(DType::F32).sum(&[-1]).keep(last);
    let tau = (support.select(running, 0.0).sum(&[-1]).keep(last) - 1.0) / count;
    (x - tau).maximum(0.0)
}
