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
        let (p, q) = (y_true.clip(EPSILON, 1.0), y_pred.clip(EPSILON, 1.0));
        (p * (p / q).log()).sum(&[-1])
    }
}
