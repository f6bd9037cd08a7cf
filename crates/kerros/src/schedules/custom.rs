use std::fmt;
use std::sync::Arc;

use kerros_graph::Node;
use serde_json::json;

use super::Schedule;
use crate::object::{Config, Described};

/// A formula from step to rate.
type Formula = dyn for<'g> Fn(Node<'g>) -> Node<'g> + Send + Sync;

/// `rate = formula(step)`: a schedule of your own.
///
/// Files keep its name only: to load such a model, build its optimizer anew.
///
/// # Example
/// ```
/// use kerros::optimizers::{Optimizer, SGD};
/// use kerros::schedules::{CustomSchedule, Schedule};
/// use kerros::graph::{Graph, eval::evaluate};
/// let warm_up = CustomSchedule::new("warm_up", |step| 0.1 * ((step + 1.0) / 100.0).minimum(1.0));
/// let graph = Graph::new();
/// let rate = warm_up.at(graph.constant(49.0));
/// let value = evaluate::<f32>(&graph, &[rate], &[], &[])?;
/// assert_eq!(value[0].as_slice::<f32>()?, [0.05]);
/// assert!(SGD::new(warm_up).check().is_ok());
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone)]
pub struct CustomSchedule {
    name: String,
    formula: Arc<Formula>,
}

impl CustomSchedule {
    /// A schedule by this name and formula; the step is an `f32` scalar, 0 at the first.
    pub fn new(
        name: impl Into<String>,
        formula: impl for<'g> Fn(Node<'g>) -> Node<'g> + Send + Sync + 'static,
    ) -> Self {
        CustomSchedule { name: name.into(), formula: Arc::new(formula) }
    }
}

impl fmt::Debug for CustomSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomSchedule").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Described for CustomSchedule {
    fn class_name(&self) -> &'static str {
        "CustomSchedule"
    }

    fn config(&self) -> Config {
        Config::from_iter([("name".into(), json!(self.name))])
    }
}

impl Schedule for CustomSchedule {
    fn at<'g>(&self, step: Node<'g>) -> Node<'g> {
        (self.formula)(step)
    }
}
