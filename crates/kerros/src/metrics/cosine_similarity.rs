use kerros_graph::Node;

use super::MeanMetric;
use super::define::metric;
use crate::losses::cosine_similarity::cosine;

metric! {
    /// The mean cosine between targets and predictions along an axis: 1 for equal directions.
    /// (The loss of this name is minus that.)
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n]`
    ///
    /// # Parameters
    /// - `axis`: default -1.
    CosineSimilarity { axis: isize = -1 }
    name: "cosine_similarity",
    names: &["cosine_similarity"],
    summary: "mean cosine between target and prediction",
}

impl CosineSimilarity {
    /// Sets the axis of the vectors.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl MeanMetric for CosineSimilarity {
    fn name(&self) -> &str {
        &self.name
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        cosine(y_true, y_pred, self.axis)
    }
}
