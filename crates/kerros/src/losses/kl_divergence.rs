use kerros_graph::Node;

use super::define::{loss, named};
use super::{EPSILON, Loss, Targets};

loss! {
    /// `sum(y_true * log(y_true / y_pred))` over the last axis.
    ///
    /// How far predicted distributions are from true ones; both are clipped to `1e-7..1`.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    ///
    /// # Gradient
    /// 0 for predictions outside of the range, half of the slope at exactly 1, as JAX.
    KLDivergence {}
    name: "kl_divergence",
    names: &["kld", "kl_divergence", "kullback_leibler_divergence"],
    summary: "Kullback-Leibler divergence: sum of y_true * log(y_true / y_pred)",
}

impl Loss for KLDivergence {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let clip = |y: Node<'g>| y.maximum(EPSILON).minimum(1.0);
        let (p, q) = (clip(y_true), clip(y_pred));
        (p * (p / q).log()).sum(&[-1])
    }
}
