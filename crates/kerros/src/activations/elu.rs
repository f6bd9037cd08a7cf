use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `x` where `x > 0`, `alpha * (e^x - 1)` else.
    ///
    /// # Parameters
    /// - `alpha`: minus the limit towards minus infinity. Default: 1.
    ///
    /// # Source
    /// Clevert, Unterthiner, Hochreiter: "Fast and accurate deep network learning by exponential
    /// linear units", arXiv 1511.07289.
    Elu { alpha: f64 = 1.0 }
    name: "elu",
    names: &[],
    summary: "x, or alpha * (e^x - 1) below 0",
}

impl Elu {
    /// Sets minus the limit towards minus infinity.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }
}

impl Activation for Elu {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        elu(x, self.alpha as f32)
    }
}

pub(super) fn elu(x: Node<'_>, alpha: f32) -> Node<'_> {
    let positive = x.greater(0.0);
    // Positive elements are set aside before the exponential, which would overflow: infinity
    // times the 0 of the unused branch would make the derivative NaN.
    positive.select(x, positive.select(0.0, x).expm1() * alpha)
}
