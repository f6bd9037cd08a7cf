use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `(e^x - e^-x) / (e^x + e^-x)`: between -1 and 1.
    Tanh {}
    name: "tanh",
    names: &[],
    summary: "hyperbolic tangent",
}

impl Activation for Tanh {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x.tanh()
    }
}
