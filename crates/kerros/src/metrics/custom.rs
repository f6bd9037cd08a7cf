use std::fmt;
use std::sync::Arc;

use kerros_graph::Node;

use super::MeanMetric;
use crate::losses::Targets;
use crate::object::{Config, Described};

/// A formula of numbers per sample.
type Formula = dyn for<'g> Fn(Node<'g>, Node<'g>) -> Node<'g> + Send + Sync;

/// A metric of your own: the mean of any formula over targets and predictions.
///
/// It cannot be read back from a file: compile a loaded model with it again. For what is no
/// mean implement [`super::Metric`].
///
/// # Example
/// ```
/// use kerros::metrics::{CustomMetric, Metric};
/// let bias = CustomMetric::new("bias", |y_true, y_pred| y_pred - y_true);
/// assert_eq!(bias.name(), "bias");
/// ```
#[derive(Clone)]
pub struct CustomMetric {
    name: String,
    targets: Targets,
    formula: Arc<Formula>,
}

impl CustomMetric {
    /// A metric of this name: the mean of this formula.
    pub fn new(
        name: impl Into<String>,
        formula: impl for<'g> Fn(Node<'g>, Node<'g>) -> Node<'g> + Send + Sync + 'static,
    ) -> Self {
        CustomMetric { name: name.into(), targets: Targets::Values, formula: Arc::new(formula) }
    }

    /// Sets what it compares predictions with. Default: [`Targets::Values`].
    pub fn targets(mut self, targets: Targets) -> Self {
        self.targets = targets;
        self
    }
}

impl fmt::Debug for CustomMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomMetric({:?})", self.name)
    }
}

impl Described for CustomMetric {
    fn class_name(&self) -> &'static str {
        "CustomMetric"
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.insert("name".into(), self.name.clone().into());
        config
    }
}

impl MeanMetric for CustomMetric {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> Targets {
        self.targets
    }

    fn values<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        (self.formula)(y_true, y_pred)
    }
}
