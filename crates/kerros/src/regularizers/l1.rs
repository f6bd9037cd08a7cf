use kerros_core::Result;
use kerros_graph::Node;

use super::define::{check_factor, regularizer};
use super::{Regularizer, sum_of_magnitudes};

regularizer! {
    /// `l1 * sum(|w|)`: drives weights to exactly 0.
    ///
    /// # Gradient
    /// Where a weight is 0, that of the positive side, as of Keras on JAX. (On TensorFlow it is 0.)
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
        sum_of_magnitudes(weights) * self.l1 as f32
    }

    fn check(&self) -> Result<()> {
        check_factor("l1", self.l1)
    }
}
