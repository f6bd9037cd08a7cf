//! Mean and sum of values that have nothing to do with targets.

use kerros_core::{Result, Shape, Tensor};
use kerros_graph::Node;

use super::define::metric;
use super::mean::fit_weight;
use super::{MeanMetric, Metric, MetricValue, MetricVariable};
use crate::losses::Targets;

metric! {
    /// The mean of the predicted values over all batches, whatever the targets.
    ///
    /// For numbers of your own: see [`super::Tracker`].
    ///
    /// # Shape
    /// `y_pred: [batch, ..]`
    Mean {}
    name: "mean",
    names: &["mean"],
    summary: "mean of the values",
}

impl MeanMetric for Mean {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> Targets {
        Targets::Any
    }

    fn values<'g>(&self, _y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        y_pred
    }

    fn heeds_masks(&self) -> bool {
        false
    }
}

metric! {
    /// The sum of the predicted values over all batches, whatever the targets; each times its
    /// sample's weight.
    ///
    /// For numbers of your own: see [`super::Tracker`].
    ///
    /// # Shape
    /// `y_pred: [batch, ..]`
    Sum {}
    name: "sum",
    names: &["sum"],
    summary: "sum of the values",
}

impl Metric for Sum {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> Targets {
        Targets::Any
    }

    fn variables(&self, _y_pred: &Shape) -> Result<Vec<MetricVariable>> {
        Ok(vec![MetricVariable::new("total", [])])
    }

    fn update<'g>(
        &self,
        variables: &[Node<'g>],
        _y_true: Node<'g>,
        y_pred: Node<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Vec<Node<'g>> {
        let weight = sample_weight.map(|weight| fit_weight(weight, &y_pred.shape()));
        let sum = match weight.transpose() {
            Ok(Some(weight)) => (y_pred * weight).sum_all(),
            Ok(None) => y_pred.sum_all(),
            Err(error) => y_pred.graph().fail(error, variables[0].ty()),
        };
        vec![variables[0] + sum]
    }

    fn result(&self, variables: &[Tensor]) -> MetricValue {
        variables[0].to_vec_f64()[0].into()
    }
}
