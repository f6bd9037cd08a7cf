use kerros_graph::Node;

use super::define::{loss, named};
use super::{Loss, Targets};

loss! {
    /// `error^2 / 2` where `|error| <= delta`, `delta * |error| - delta^2 / 2` beyond; the mean
    /// over the last axis.
    ///
    /// Regression that is quadratic near the target and does not chase targets far off.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    ///
    /// # Parameters
    /// - `delta`: where the parabola becomes a line. Default: 1. (Keras 3.15 leaves it out of the
    ///   config it saves; Kerros writes it, and Keras reads it.)
    ///
    /// # Source
    /// Huber: "Robust estimation of a location parameter", 1964, 10.1214/aoms/1177703732.
    Huber { delta: f64 = 1.0 }
    name: "huber_loss",
    names: &["huber", "huber_loss"],
    summary: "quadratic near the target, linear beyond delta",
}

impl Huber {
    /// Sets where the parabola becomes a line.
    pub fn delta(mut self, delta: f64) -> Self {
        self.delta = delta;
        self
    }
}

impl Loss for Huber {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let delta = self.delta as f32;
        let error = y_pred - y_true;
        let size = error.abs();
        let near = error.square() * 0.5;
        let far = size * delta - 0.5 * delta * delta;
        size.less_equal(delta).select(near, far).mean(&[-1])
    }
}
