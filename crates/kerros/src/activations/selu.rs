use kerros_graph::Node;

use super::Activation;
use super::define::activation;
use super::elu::elu;

activation! {
    /// `1.0507 * elu(x, 1.6733)`: keeps mean 0 and variance 1 from layer to layer.
    ///
    /// Goes with the initializer `lecun_normal`.
    ///
    /// # Source
    /// Klambauer et al.: "Self-normalizing neural networks", arXiv 1706.02515.
    Selu {}
    name: "selu",
    names: &[],
    summary: "scaled elu that keeps mean and variance",
}

impl Activation for Selu {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        elu(x, ALPHA) * SCALE
    }
}

const ALPHA: f32 = 1.673_263_2;
const SCALE: f32 = 1.050_701;
