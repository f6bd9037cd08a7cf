use kerros_graph::Node;

use super::define::{loss, named};
use super::{Loss, Targets};

loss! {
    /// `mean((y_true - y_pred)^2)` over the last axis.
    ///
    /// The loss of regression. Large errors count much: see [`super::Huber`] where some
    /// targets are far off.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    ///
    /// # Example
    /// ```
    /// use kerros::losses::{Loss, MeanSquaredError};
    /// use kerros::{Tensor, graph::{Graph, eval::evaluate}};
    /// let graph = Graph::new();
    /// let y_true = graph.literal(Tensor::new([1, 2], [0.0f32, 1.0])?);
    /// let y_pred = graph.literal(Tensor::new([1, 2], [1.0f32, 3.0])?);
    /// let losses = MeanSquaredError::new().call(y_true, y_pred);
    /// let losses = evaluate::<f32>(&graph, &[losses], &[], &[])?;
    /// assert_eq!(losses[0].as_slice::<f32>()?, [2.5]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    MeanSquaredError {}
    name: "mean_squared_error",
    names: &["mse", "mean_squared_error"],
    summary: "mean of (y_true - y_pred)^2",
}

impl Loss for MeanSquaredError {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        (y_true - y_pred).square().mean(&[-1])
    }
}
