use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `1 / (1 + e^-x)`: between 0 and 1.
    ///
    /// The last layer's activation for yes or no.
    Sigmoid {}
    name: "sigmoid",
    names: &[],
    summary: "1 / (1 + e^-x)",
}

impl Activation for Sigmoid {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x.sigmoid()
    }
}
