use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

use super::define::{loss, named};
use super::{Loss, Targets};

loss! {
    /// `(1 - p[y_true]^q) / q` along the last axis.
    ///
    /// One of several classes with some wrong labels: between cross-entropy (`q` near 0) and mean
    /// absolute error (`q` near 1).
    ///
    /// # Shape
    /// `y_true: i32 [batch, ..]`, `y_pred: [batch, .., classes] -> [batch, ..]`
    ///
    /// # Parameters
    /// - `q`: robustness against wrong labels, above 0 and below 1. Default: 0.5.
    ///
    /// # Source
    /// Zhang, Sabuncu: "Generalized cross entropy loss for training deep neural networks with noisy
    /// labels", arXiv 1805.07836.
    CategoricalGeneralizedCrossEntropy { q: f64 = 0.5 }
    name: "categorical_generalized_cross_entropy",
    names: &["categorical_generalized_cross_entropy"],
    summary: "cross-entropy of class indices that bears wrong labels",
}

impl CategoricalGeneralizedCrossEntropy {
    /// Sets the robustness against wrong labels.
    pub fn q(mut self, q: f64) -> Self {
        self.q = q;
        self
    }
}

impl Loss for CategoricalGeneralizedCrossEntropy {
    named!();

    fn targets(&self) -> Targets {
        Targets::Labels
    }

    fn check(&self) -> Result<()> {
        if self.q > 0.0 && self.q < 1.0 {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Argument, format!("`q` is {}", self.q))
            .expected("a number above 0 and below 1"))
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let hit = y_true.one_hot(y_pred.shape().last());
        let p = (y_pred * hit).sum(&[-1]);
        let q = self.q as f32;
        (1.0 - p.pow(q)) / q
    }
}
