use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `max(x, 0) + alpha * (e^(min(x, 0) / alpha) - 1)`: the exponential linear unit with a
    /// continuous slope.
    ///
    /// # Parameters
    /// - `alpha`: minus the limit towards minus infinity. Default: 1.
    ///
    /// # Source
    /// Barron: "Continuously differentiable exponential linear units", arXiv 1704.07483.
    Celu { alpha: f64 = 1.0 }
    name: "celu",
    names: &[],
    summary: "elu with a continuous slope",
}

impl Celu {
    /// Sets minus the limit towards minus infinity.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }
}

impl Activation for Celu {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        let alpha = self.alpha as f32;
        x.maximum(0.0) + (x.minimum(0.0) / alpha).expm1() * alpha
    }
}
