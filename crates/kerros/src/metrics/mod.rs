//! Metrics: one file each, and the list below.

use kerros_core::{Shape, Tensor};
use kerros_graph::Node;

use crate::losses::Targets;
use crate::object::{Described, Entry, Registry, family};

/// A number that a metric carries from batch to batch; starts at 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricVariable {
    /// Its name, such as `"total"`.
    pub name: &'static str,
    /// Its shape; `f32`.
    pub shape: Shape,
}

/// What is reported beside the loss.
pub trait Metric: Described {
    /// The name in histories, such as `"accuracy"`.
    fn name(&self) -> &str;
    /// What it compares predictions with.
    fn targets(&self) -> Targets;
    /// What it carries from batch to batch.
    fn variables(&self) -> Vec<MetricVariable>;
    /// The variables after one more batch.
    ///
    /// `y_true` and `y_pred` as in [`crate::losses::Loss::call`]; `sample_weight: [batch]`.
    fn update<'g>(
        &self,
        variables: &[Node<'g>],
        y_true: Node<'g>,
        y_pred: Node<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Vec<Node<'g>>;
    /// The value so far, computed on the host from the variables.
    fn result(&self, variables: &[Tensor]) -> f64;
}

/// All metrics.
pub static REGISTRY: Registry<dyn Metric> =
    Registry { noun: "metric", module: "keras.metrics", entries: ENTRIES };

static ENTRIES: &[Entry<dyn Metric>] = &[];

family!(Metric, REGISTRY);
