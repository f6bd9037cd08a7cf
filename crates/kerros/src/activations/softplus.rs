use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `log(1 + e^x)`: a smooth [`struct@super::Relu`], always positive.
    Softplus {}
    name: "softplus",
    names: &[],
    summary: "log(1 + e^x)",
}

impl Activation for Softplus {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        softplus(x)
    }
}

/// `max(x, 0) + log(1 + e^min(x, -x))`: nothing overflows; the derivative is 1/2 at 0, where the
/// maximum gives a half and the minimum nothing.
pub(crate) fn softplus(x: Node<'_>) -> Node<'_> {
    x.maximum(0.0) + x.minimum(-x).exp().log1p()
}
