use kerros_core::Result;
use kerros_graph::Node;

use super::Regularizer;
use super::define::{check_factor, regularizer};

regularizer! {
    /// `l2 * sum(w^2)`: keeps weights small.
    L2 { l2: f64 = 0.01 }
    names: &["l2"],
    summary: "l2 * sum(w^2)",
}

impl L2 {
    /// With this factor (Keras's default is 0.01).
    pub fn new(l2: f64) -> Self {
        L2 { l2 }
    }
}

impl Regularizer for L2 {
    fn penalty<'g>(&self, weights: Node<'g>) -> Node<'g> {
        weights.square().sum_all() * self.l2 as f32
    }

    fn check(&self) -> Result<()> {
        check_factor("l2", self.l2)
    }
}
