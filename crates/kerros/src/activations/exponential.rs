use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `e^x`.
    Exponential {}
    name: "exponential",
    names: &[],
    summary: "e^x",
}

impl Activation for Exponential {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x.exp()
    }
}
