use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `x - tanh(x)`: nearly 0 near 0.
    TanhShrink {}
    name: "tanh_shrink",
    names: &[],
    summary: "x - tanh(x)",
}

impl Activation for TanhShrink {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x - x.tanh()
    }
}
