use kerros_graph::Node;

use super::Activation;
use super::define::activation;
use super::hard_sigmoid::hard_sigmoid;

activation! {
    /// `x * hard_sigmoid(x)`, also called hard swish.
    ///
    /// # Gradient
    /// 0 at -3 and 1 at 3, as JAX.
    ///
    /// # Source
    /// Howard et al.: "Searching for MobileNetV3", arXiv 1905.02244.
    HardSilu {}
    name: "hard_silu",
    names: &["hard_swish"],
    summary: "x * hard_sigmoid(x)",
}

impl Activation for HardSilu {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x * hard_sigmoid(x)
    }
}
