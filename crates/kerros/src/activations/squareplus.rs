use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `(x + sqrt(x^2 + b)) / 2`: a smooth [`struct@super::Relu`] without exponentials.
    ///
    /// # Parameters
    /// - `b`: how round the corner is, above 0. Default: 4.
    ///
    /// # Source
    /// Barron: "Squareplus: a softplus-like algebraic rectifier", arXiv 2112.11687.
    Squareplus { b: f64 = 4.0 }
    name: "squareplus",
    names: &[],
    summary: "(x + sqrt(x^2 + b)) / 2",
}

impl Squareplus {
    /// Sets how round the corner is.
    pub fn b(mut self, b: f64) -> Self {
        self.b = b;
        self
    }
}

impl Activation for Squareplus {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        (x + (x.square() + self.b as f32).sqrt()) / 2.0
    }
}
