use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// 1 where `x > threshold`, 0 else: the first artificial neuron's activation.
    ///
    /// Not in Keras. It cannot be trained through by itself: see `straight_through`.
    ///
    /// # Parameters
    /// - `threshold`: default 0.
    /// - `straight_through`: whether the derivative is that of `x`, 1, instead of 0. Default:
    ///   `false`.
    ///
    /// # Source
    /// McCulloch, Pitts: "A logical calculus of the ideas immanent in nervous activity", 1943;
    /// straight-through: Bengio, Léonard, Courville, arXiv 1308.3432.
    Step { threshold: f64 = 0.0, straight_through: bool = false }
    name: "step",
    names: &[],
    summary: "0 or 1 by a threshold",
}

impl Step {
    /// Sets above what `x` becomes 1.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets whether the derivative is 1 instead of 0.
    pub fn straight_through(mut self, straight_through: bool) -> Self {
        self.straight_through = straight_through;
        self
    }
}

impl Activation for Step {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        let step = x.greater(self.threshold as f32).select(1.0, x * 0.0);
        match self.straight_through {
            true => step.replace_gradient(x),
            false => step,
        }
    }
}
