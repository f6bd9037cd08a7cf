use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `x / (1 + |x|)`: between -1 and 1, saturating slowly.
    Softsign {}
    name: "softsign",
    names: &[],
    summary: "x / (1 + |x|)",
}

impl Activation for Softsign {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x / (x.abs() + 1.0)
    }
}
