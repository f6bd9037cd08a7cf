use std::fmt;
use std::sync::Arc;

use kerros_graph::Node;

use super::{Loss, Reduction, Targets};
use crate::object::{Config, Described};

/// A formula of per-sample losses.
type Formula = dyn for<'g> Fn(Node<'g>, Node<'g>) -> Node<'g> + Send + Sync;

/// A loss of your own: any formula over targets and predictions.
///
/// It cannot be read back from a file: compile a loaded model with it again.
///
/// # Shape
/// The formula gives per-sample losses, `[batch, ..]`, from aligned targets and predictions.
///
/// # Example
/// ```
/// use kerros::losses::{CustomLoss, Loss};
/// let cubic = CustomLoss::new("cubic", |y_true, y_pred| {
///     let size = (y_true - y_pred).abs();
///     (size * size * size).mean(&[-1])
/// });
/// assert_eq!(cubic.name(), "cubic");
/// ```
#[derive(Clone)]
pub struct CustomLoss {
    name: String,
    reduction: Reduction,
    targets: Targets,
    formula: Arc<Formula>,
}

impl CustomLoss {
    /// A loss of this name with this formula.
    pub fn new(
        name: impl Into<String>,
        formula: impl for<'g> Fn(Node<'g>, Node<'g>) -> Node<'g> + Send + Sync + 'static,
    ) -> Self {
        CustomLoss {
            name: name.into(),
            reduction: Reduction::default(),
            targets: Targets::Values,
            formula: Arc::new(formula),
        }
    }

    /// Sets how per-sample losses become one number.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }

    /// Sets what it compares predictions with. Default: [`Targets::Values`].
    pub fn targets(mut self, targets: Targets) -> Self {
        self.targets = targets;
        self
    }
}

impl fmt::Debug for CustomLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomLoss({:?})", self.name)
    }
}

impl Described for CustomLoss {
    fn class_name(&self) -> &'static str {
        "CustomLoss"
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.insert("name".into(), self.name.clone().into());
        config.insert("reduction".into(), self.reduction.name().into());
        config
    }
}

impl Loss for CustomLoss {
    fn name(&self) -> &str {
        &self.name
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn targets(&self) -> Targets {
        self.targets
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        (self.formula)(y_true, y_pred)
    }
}
