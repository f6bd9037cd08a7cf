use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `min(max(x, -1), 1)`.
    ///
    /// # Gradient
    /// 1 at -1 and 1, as JAX.
    HardTanh {}
    name: "hard_tanh",
    names: &[],
    summary: "x between -1 and 1",
}

impl Activation for HardTanh {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x.clip(-1.0, 1.0)
    }
}
