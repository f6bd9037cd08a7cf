use kerros_core::Result;
use kerros_graph::Node;

use super::define::{check_factor, regularizer};
use super::{Regularizer, sum_of_magnitudes};

regularizer! {
    /// `l1 * sum(|w|) + l2 * sum(w^2)`. A factor of 0, the default, leaves its part out.
    ///
    /// # Gradient
    /// Of the absolute value: as [`super::L1`].
    L1L2 { l1: f64 = 0.0, l2: f64 = 0.0 }
    names: &["l1_l2", "l1l2"],
    summary: "l1 * sum(|w|) + l2 * sum(w^2)",
}

impl L1L2 {
    /// With these factors.
    pub fn new(l1: f64, l2: f64) -> Self {
        L1L2 { l1, l2 }
    }
}

impl Regularizer for L1L2 {
    fn penalty<'g>(&self, weights: Node<'g>) -> Node<'g> {
        let (l1, l2) = (self.l1 as f32, self.l2 as f32);
        let absolute = (l1 != 0.0).then(|| sum_of_magnitudes(weights) * l1);
        let square = (l2 != 0.0).then(|| weights.square().sum_all() * l2);
        match (absolute, square) {
            (Some(absolute), Some(square)) => absolute + square,
            (Some(penalty), None) | (None, Some(penalty)) => penalty,
            // A sum keeps the weights connected, so that their derivative is 0, not missing.
            (None, None) => weights.sum_all() * 0.0,
        }
    }

    fn check(&self) -> Result<()> {
        check_factor("l1", self.l1)?;
        check_factor("l2", self.l2)
    }
}
