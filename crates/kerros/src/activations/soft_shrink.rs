use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `sign(x) * max(|x| - threshold, 0)`: moved towards 0 by the threshold.
    ///
    /// # Parameters
    /// - `threshold`: default 0.5.
    ///
    /// # Gradient
    /// 0 at both thresholds.
    SoftShrink { threshold: f64 = 0.5 }
    name: "soft_shrink",
    names: &[],
    summary: "x moved towards 0 by a threshold",
}

impl SoftShrink {
    /// Sets the threshold.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

impl Activation for SoftShrink {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        let threshold = self.threshold as f32;
        let below = x.less(-threshold).select(x + threshold, 0.0);
        x.greater(threshold).select(x - threshold, below)
    }
}
