use kerros_core::Result;
use kerros_graph::Node;

use super::Regularizer;
use super::define::{check_factor, regularizer};

regularizer! {
    /// `l1 * sum(|w|)`: drives weights to exactly 0.
    ///
    /// # Gradient
    /// 0 where a weight is 0, between the slopes of the two sides. (Keras on JAX takes the positive
    /// side.)
    L1 { l1: f64 = 0.01 }
    names: &["l1"],
    summary: "l1 * sum(|w|)",
}

impl L1 {
    /// With this factor (Keras's default is 0.01).
    pub fn new(l1: f64) -> Self {
        L1 { l1 }
    }
}

impl Regularizer for L1 {
    fn penalty<'g>(&self, weights: Node<'g>) -> Node<'g> {
        weights.abs().sum_all() * self.l1 as f32
    }

    fn check(&self) -> Result<()> {
        check_factor("l1", self.l1)
    }
}
