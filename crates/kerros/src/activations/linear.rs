use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `x`: no activation.
    Linear {}
    name: "linear",
    names: &[],
    summary: "x itself",
}

impl Activation for Linear {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x
    }

    fn is_linear(&self) -> bool {
        true
    }
}
