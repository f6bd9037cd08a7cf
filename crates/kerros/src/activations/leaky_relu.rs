use kerros_graph::Node;

use super::Activation;
use super::define::activation;
use super::relu::leaky;

activation! {
    /// `x` where `x >= 0`, `negative_slope * x` else.
    ///
    /// As [`struct@super::Relu`], without units that never learn again.
    ///
    /// # Parameters
    /// - `negative_slope`: default 0.2.
    ///
    /// # Gradient
    /// 1 at 0.
    LeakyRelu { negative_slope: f64 = 0.2 }
    name: "leaky_relu",
    names: &[],
    summary: "x, or negative_slope * x below 0",
}

impl LeakyRelu {
    /// Sets the slope below 0.
    pub fn negative_slope(mut self, negative_slope: f64) -> Self {
        self.negative_slope = negative_slope;
        self
    }
}

impl Activation for LeakyRelu {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        leaky(x, self.negative_slope as f32)
    }
}
