use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `x * sigmoid(x)`, also called swish.
    ///
    /// # Source
    /// Ramachandran, Zoph, Le: "Searching for activation functions", arXiv 1710.05941.
    Silu {}
    name: "silu",
    names: &["swish"],
    summary: "x * sigmoid(x)",
}

impl Activation for Silu {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x * x.sigmoid()
    }
}
