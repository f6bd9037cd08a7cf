use kerros_graph::Node;

use super::Activation;
use super::define::activation;
use super::relu::at_most;

activation! {
    /// `min(max(x, 0), 6)`.
    ///
    /// # Gradient
    /// 0 at 0 and at 6, as JAX.
    Relu6 {}
    name: "relu6",
    names: &[],
    summary: "min(max(x, 0), 6)",
}

impl Activation for Relu6 {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        at_most(x.relu(), 6.0)
    }
}
