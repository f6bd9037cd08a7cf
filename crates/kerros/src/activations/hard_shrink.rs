use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `x` where `|x| > threshold`, 0 else.
    ///
    /// # Parameters
    /// - `threshold`: default 0.5.
    ///
    /// # Gradient
    /// 0 at both thresholds.
    HardShrink { threshold: f64 = 0.5 }
    name: "hard_shrink",
    names: &[],
    summary: "x, or 0 near 0",
}

impl HardShrink {
    /// Sets the threshold.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

impl Activation for HardShrink {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        x.abs().greater(self.threshold as f32).select(x, 0.0)
    }
}
