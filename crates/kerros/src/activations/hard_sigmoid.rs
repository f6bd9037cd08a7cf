use kerros_graph::Node;

use super::Activation;
use super::define::activation;
use super::relu::at_most;

activation! {
    /// `min(max(x + 3, 0), 6) / 6`: straight pieces near the sigmoid.
    ///
    /// # Gradient
    /// 0 at -3 and 3, as JAX.
    HardSigmoid {}
    name: "hard_sigmoid",
    names: &[],
    summary: "min(max(x + 3, 0), 6) / 6",
}

impl Activation for HardSigmoid {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        hard_sigmoid(x)
    }
}

pub(super) fn hard_sigmoid(x: Node<'_>) -> Node<'_> {
    at_most((x + 3.0).relu(), 6.0) / 6.0
}
