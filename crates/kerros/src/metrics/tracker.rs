use std::fmt;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::{Node, Type};

use super::{Metric, MetricValue, MetricVariable};
use crate::losses;
use crate::object::Choice;
use crate::trainer::function::computable;
use crate::trainer::{Function, Variable, Variables};

/// A metric by itself, batch after batch: for training loops of your own, and for numbers that
/// no model reports.
///
/// # Example
/// ```
/// use kerros::Tensor;
/// use kerros::metrics::{AUC, Mean, Tracker};
/// let mut auc = Tracker::new(AUC::new())?;
/// let y_true = Tensor::new([4], [0.0f32, 0.0, 1.0, 1.0])?;
/// let y_pred = Tensor::new([4], [0.0f32, 0.5, 0.3, 0.9])?;
/// auc.update_state(&y_true, &y_pred, None)?;
/// assert_eq!(auc.result()?.number(), Some(0.75));
///
/// let mut mean = Tracker::new(Mean::new())?;
/// mean.add(&Tensor::new([2], [1.0f32, 3.0])?, None)?;
/// assert_eq!(mean.result()?.number(), Some(2.0));
/// # Ok::<(), kerros::Error>(())
/// ```
pub struct Tracker {
    metric: Arc<dyn Metric>,
    variables: Variables,
    /// The metric's variables, once the shape of predictions is known.
    declared: Vec<(MetricVariable, Variable)>,
    /// One function per types of targets, predictions and weights.
    updates: Vec<(Vec<Type>, Function)>,
}

impl Tracker {
    /// A metric, or its name, that has seen nothing, on the default device.
    ///
    /// # Errors
    /// An unknown name, or a wrong setting.
    pub fn new(metric: impl Into<Choice<dyn Metric>>) -> Result<Self> {
        let metric = metric.into().resolve()?;
        metric.check()?;
        let variables = Variables::new();
        Ok(Tracker { metric, variables, declared: Vec::new(), updates: Vec::new() })
    }

    /// Adds a batch: targets, predictions, and what samples weigh.
    ///
    /// # Errors
    /// Shapes that the metric cannot compare, or other classes than before where it counts by
    /// class.
    pub fn update_state(
        &mut self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        self.update(y_true, y_pred, sample_weight)
            .map_err(|error| error.context(format!("metric `{}`", self.metric.name())))
    }

    /// Adds values to a metric that compares nothing, such as [`super::Mean`] and [`super::Sum`].
    ///
    /// # Errors
    /// Weights that do not fit the values.
    pub fn add(&mut self, values: &Tensor, sample_weight: Option<&Tensor>) -> Result<()> {
        self.update_state(values, values, sample_weight)
    }

    /// The value so far.
    ///
    /// # Errors
    /// [`ErrorKind::State`] before the first batch of a metric whose result depends on shapes.
    pub fn result(&self) -> Result<MetricValue> {
        if self.declared.is_empty() {
            return Err(Error::new(ErrorKind::State, "the metric has seen nothing")
                .expected("a call of `update_state` before"));
        }
        let read = |(_, variable): &(MetricVariable, Variable)| self.variables.read(variable);
        let variables: Vec<Tensor> = self.declared.iter().map(read).collect::<Result<_>>()?;
        Ok(self.metric.result(&variables))
    }

    /// Forgets all batches.
    ///
    /// # Errors
    /// A device that fails.
    pub fn reset_state(&mut self) -> Result<()> {
        let Tracker { variables, declared, .. } = self;
        let reset = |(spec, variable): &(MetricVariable, Variable)| {
            variables.write(variable, &spec.zeros())
        };
        declared.iter().try_for_each(reset)
    }

    fn update(
        &mut self,
        y_true: &Tensor,
        y_pred: &Tensor,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let given: Vec<Tensor> =
            [y_true, y_pred].into_iter().chain(sample_weight).map(computable).collect();
        let types: Vec<Type> =
            given.iter().map(|tensor| Type::new(tensor.dtype(), tensor.shape())).collect();
        let at = match self.updates.iter().position(|(known, _)| *known == types) {
            Some(at) => at,
            None => {
                self.declare(y_pred.shape())?;
                let function = self.trace(&types)?;
                self.updates.push((types, function));
                self.updates.len() - 1
            }
        };
        let inputs: Vec<&Tensor> = given.iter().collect();
        self.updates[at].1.run(&mut self.variables, &inputs)
    }

    /// Makes the variables, or checks that they are those of these predictions too.
    fn declare(&mut self, y_pred: &Shape) -> Result<()> {
        let wanted = self.metric.variables(y_pred)?;
        if !self.declared.is_empty() {
            if self.declared.iter().map(|(spec, _)| spec).eq(&wanted) {
                return Ok(());
            }
            let message = format!("predictions of shape {y_pred} after others");
            return Err(Error::new(ErrorKind::Shape, message).expected("as many classes as before"));
        }
        for spec in wanted {
            let variable = self.variables.declare(spec.name, &spec.zeros())?;
            self.declared.push((spec, variable));
        }
        Ok(())
    }

    fn trace(&self, types: &[Type]) -> Result<Function> {
        self.variables.function(|graph| {
            let names = ["y_true", "y_pred", "sample_weight"];
            let inputs: Vec<Node<'_>> = names
                .iter()
                .zip(types)
                .map(|(name, ty)| graph.input(name, &ty.shape, ty.dtype))
                .collect();
            let state: Vec<Node<'_>> =
                self.declared.iter().map(|(_, variable)| variable.node(graph)).collect();
            let (y_true, y_pred) = losses::align(self.metric.targets(), inputs[0], inputs[1])?;
            let next = self.metric.update(&state, y_true, y_pred, inputs.get(2).copied());
            for (before, after) in state.into_iter().zip(next) {
                graph.assign(before, after);
            }
            Ok(Vec::new())
        })
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker").field("metric", &self.metric).finish_non_exhaustive()
    }
}
