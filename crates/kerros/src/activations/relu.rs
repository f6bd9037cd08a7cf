use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `max(x, 0)`; with settings, `min(x, max_value)` above the threshold and
    /// `negative_slope * (x - threshold)` below.
    ///
    /// What hidden layers use unless something speaks against it.
    ///
    /// # Parameters
    /// - `negative_slope`: the slope below the threshold. Default: 0.
    /// - `max_value`: an upper bound. Default: none.
    /// - `threshold`: what is not above becomes 0 (before the slope). Default: 0.
    ///
    /// # Gradient
    /// 0 at 0 (the slope of the flat side: Bertoin et al., arXiv 2106.12915); with a negative slope
    /// and nothing else, 1 at 0; 0 at `max_value`. As JAX, which takes half of the slope at a
    /// `max_value` other than 6.
    ///
    /// # Example
    /// ```
    /// use kerros::activations::{Activation, Relu};
    /// use kerros::{Tensor, graph::{Graph, eval::evaluate}};
    /// let graph = Graph::new();
    /// let x = graph.literal(Tensor::new([3], [-2.0f32, 3.0, 9.0])?);
    /// let y = [Relu.call(x), Relu.max_value(6.0).call(x)];
    /// let y = evaluate::<f32>(&graph, &y, &[], &[])?;
    /// assert_eq!(y[0].as_slice::<f32>()?, [0.0, 3.0, 9.0]);
    /// assert_eq!(y[1].as_slice::<f32>()?, [0.0, 3.0, 6.0]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    Relu { negative_slope: f64 = 0.0, max_value: Option<f64> = None, threshold: f64 = 0.0 }
    name: "relu",
    names: &[],
    summary: "max(x, 0)",
}

impl Relu {
    /// Sets the slope below the threshold.
    pub fn negative_slope(mut self, negative_slope: f64) -> Self {
        self.negative_slope = negative_slope;
        self
    }

    /// Sets an upper bound.
    pub fn max_value(mut self, max_value: f64) -> Self {
        self.max_value = Some(max_value);
        self
    }

    /// Sets below what `x` becomes 0 (before the slope).
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

impl Activation for Relu {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        let (slope, threshold) = (self.negative_slope as f32, self.threshold as f32);
        if slope != 0.0 && threshold == 0.0 && self.max_value.is_none() {
            return leaky(x, slope);
        }
        let kept = match threshold {
            0.0 => x.relu(),
            _ => x.greater(threshold).select(x, 0.0),
        };
        let positive = match self.max_value {
            Some(max_value) => at_most(kept, max_value as f32),
            None => kept,
        };
        match slope {
            0.0 => positive,
            _ => positive - (threshold - x).relu() * slope,
        }
    }

    fn is_relu(&self) -> bool {
        *self == Relu
    }
}

/// `x` where `x >= 0`, `slope * x` else.
pub(super) fn leaky(x: Node<'_>, slope: f32) -> Node<'_> {
    x.greater_equal(0.0).select(x, x * slope)
}

/// `min(x, bound)`, flat at the bound itself; NaN stays NaN.
pub(super) fn at_most(x: Node<'_>, bound: f32) -> Node<'_> {
    x.greater_equal(bound).select(bound, x)
}
