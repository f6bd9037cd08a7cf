use kerros_core::DType;
use kerros_graph::Node;

use super::define::{loss, named};
use super::{Loss, Targets};
use crate::activations::softplus::softplus;

loss! {
    /// `softplus(logsumexp(gamma * w+ * (d - margin)) + logsumexp(gamma * w- * (1 - margin - d)))`
    /// per sample, with `d = max(1 - cosine, 0)` to every sample of the batch, the first sum over
    /// those of its class and the second over the others, `w+ = margin + d` and
    /// `w- = max(1 + margin - d, 0)`.
    ///
    /// Metric learning: embeddings of one class shall be near each other and far from the others.
    /// Samples whose loss is 0 (without partners of either kind) do not count.
    ///
    /// # Shape
    /// `y_true: i32 [batch]`, `y_pred: [batch, n]` with rows of length 1 `-> [batch]`
    ///
    /// # Parameters
    /// - `gamma`: the scale, default 80. `margin`: default 0.4.
    /// - `remove_diagonal`: whether a sample is no partner of itself. Default: `true`.
    ///
    /// # Source
    /// Sun et al.: "Circle loss: a unified perspective of pair similarity optimization",
    /// arXiv 2002.10857.
    Circle { gamma: f64 = 80.0, margin: f64 = 0.4, remove_diagonal: bool = true }
    name: "circle",
    names: &["circle"],
    summary: "embeddings of one class near each other, far from the others",
}

impl Circle {
    /// Sets the scale.
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }

    /// Sets the margin.
    pub fn margin(mut self, margin: f64) -> Self {
        self.margin = margin;
        self
    }

    /// Sets whether a sample is no partner of itself.
    pub fn remove_diagonal(mut self, remove_diagonal: bool) -> Self {
        self.remove_diagonal = remove_diagonal;
        self
    }
}

impl Loss for Circle {
    named!();

    fn targets(&self) -> Targets {
        Targets::Labels
    }

    fn mask<'g>(&self, _y_true: Node<'g>, losses: Node<'g>) -> Option<Node<'g>> {
        Some(losses.greater(0.0).cast(DType::F32))
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let (gamma, margin) = (self.gamma as f32, self.margin as f32);
        let count = y_true.shape().num_elements();
        let labels = y_true.reshape([count]);
        // [batch, batch]: row against column.
        let alike = labels.keep(1).equal(labels).cast(DType::F32);
        let places = y_true.graph().iota(count);
        let itself = places.keep(1).equal(places).cast(DType::F32);
        let partner = match self.remove_diagonal {
            true => alike * (1.0 - itself),
            false => alike,
        };
        let distance = (1.0 - y_pred.matmul_with(y_pred, false, true)).maximum(0.0);
        let near = ((distance + margin) * partner).maximum(0.0);
        let pull = near * (margin - distance) * -gamma;
        let far = ((1.0 + margin - distance) * (1.0 - alike)).maximum(0.0);
        let push = far * (1.0 - margin - distance) * gamma;
        softplus(log_sum_exp(pull, partner) + log_sum_exp(push, 1.0 - alike))
    }
}

/// `log(sum(e^x))` over the elements of each row where `mask` is 1; a row without any gives
/// the logarithm of the smallest number, which no further exponential notices.
fn log_sum_exp<'g>(x: Node<'g>, mask: Node<'g>) -> Node<'g> {
    let chosen = mask.greater(0.0);
    let lowest = chosen.select(x, f32::MIN).max(&[-1]).stop_gradient();
    let is_empty = lowest.less_equal(f32::MIN);
    let shift = is_empty.select(0.0, lowest);
    // Elements outside the mask are set aside before `exp`, which they could overflow.
    let powers = chosen.select(chosen.select(x - shift.keep(1), 0.0).exp(), 0.0);
    let sum = powers.sum(&[-1]);
    is_empty.select(f32::MIN / 4.0, is_empty.select(1.0, sum).log() + shift)
}
