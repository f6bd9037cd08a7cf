use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `min(max(x + 1, 0), 2) / 2`: 0 below -1, 1 above 1, straight between.
    ///
    /// # Gradient
    /// Half of the slope at -1 and 1, as JAX.
    ///
    /// # Source
    /// Blondel, Martins, Niculae: "Learning classifiers with Fenchel-Young losses", arXiv 1805.09717.
    SparseSigmoid {}
    name: "sparse_sigmoid",
    names: &[],
    summary: "0 below -1, 1 above 1, straight between",
}

impl Activation for SparseSigmoid {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        (x + 1.0).maximum(0.0).minimum(2.0) * 0.5
    }
}
