use kerros_graph::Node;

use super::Activation;
use super::define::activation;
use super::softplus::softplus;

activation! {
    /// `x * tanh(log(1 + e^x))`.
    ///
    /// # Source
    /// Misra: "Mish: a self regularized non-monotonic activation function", arXiv 1908.08681.
    Mish {}
    name: "mish",
    names: &[],
    summary: "x * tanh(softplus(x))",
}

impl Activation for Mish {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x * softplus(x).tanh()
    }
}
