//! The machinery around an update rule, for a whole set of variables.
//!
//! ```text
//! gradients / loss scale -> mean over accumulation steps -> clipping -> weight decay
//!     -> the rule -> moving averages -> iteration + 1
//! ```
//!
//! What one rule needs for its variables is in `rule`, optimizers around others are in `around`.

use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::around::Around;
use super::rule::Rule;
use super::{Optimizer, Start, Variable};
use crate::schedules::{LearningRate, Schedule};

/// A state that an optimizer needs.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSpec {
    /// Keras's path of it, such as `"adam/dense_kernel_momentum"`.
    pub path: String,
    /// Its shape.
    pub shape: Shape,
    /// `f32`, or `i32` for the iteration.
    pub dtype: DType,
    /// What it holds at the start.
    pub start: Start,
    /// The variable it stands beside, as a place in the list of variables.
    pub variable: Option<usize>,
}

/// The states of an optimizer inside another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateGroup {
    /// Keras's path of the place in files, such as `"inner_optimizer"`.
    pub path: String,
    /// The name of the optimizer.
    pub name: String,
    /// The places of its states among all.
    pub states: std::ops::Range<usize>,
}

/// The values after one step.
#[derive(Clone, Debug)]
pub struct Updates<'g> {
    /// Of the variables, in their order. Constraints are the caller's to apply.
    pub variables: Vec<Node<'g>>,
    /// Of the states, in the order of [`Updater::states`].
    pub states: Vec<Node<'g>>,
}

/// An optimizer and the variables it moves.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use kerros::optimizers::{SGD, Updater, Variable};
/// use kerros::graph::{Graph, StateId, eval::evaluate};
/// use kerros::{DType, Tensor};
/// let updater = Updater::new(Arc::new(SGD::new(0.5)), vec![Variable::new("w", [2])])?;
/// let graph = Graph::new();
/// let states: Vec<_> = (0..).zip(updater.states())
///     .map(|(id, state)| graph.state(StateId(id), &state.path, &state.shape, state.dtype))
///     .collect();
/// let w = graph.input("w", [2], DType::F32);
/// let updates = updater.apply(&states, &[w], &[Some(w * 2.0)]);
/// let inputs = [Tensor::new([2], [1.0f32, -3.0])?];
/// let values = [(StateId(0), Tensor::scalar(0i32)), (StateId(1), Tensor::scalar(0.5f32))];
/// let next = evaluate::<f32>(&graph, &updates.variables, &inputs, &values)?;
/// assert_eq!(next[0].as_slice::<f32>()?, [0.0, 0.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Updater {
    optimizer: Arc<dyn Optimizer>,
    variables: Vec<Variable>,
    states: Vec<StateSpec>,
    work: Work,
}

/// Who moves the variables.
#[derive(Clone, Debug)]
enum Work {
    Rule(Rule),
    Around(Around),
}

impl Updater {
    /// Lays out the optimizer's states for these variables, in the order in which Keras
    /// creates them and writes them to files: iteration, learning rate (unless it is a
    /// schedule), moving averages, gradient accumulators, slots, shared slots; then those of
    /// the optimizers inside.
    ///
    /// # Errors
    /// A setting of the optimizer that is out of its range or contradicts another.
    pub fn new(optimizer: Arc<dyn Optimizer>, variables: Vec<Variable>) -> Result<Self> {
        let loss_scale = optimizer.options().loss_scale_factor;
        Updater::scaled(optimizer, variables, loss_scale)
    }

    /// As [`Updater::new`], with another loss scale than the optimizer's own.
    pub(super) fn scaled(
        optimizer: Arc<dyn Optimizer>,
        variables: Vec<Variable>,
        loss_scale: Option<f64>,
    ) -> Result<Self> {
        let place = || format!("optimizer {}", optimizer.class_name());
        let options = optimizer.options();
        options.check().and_then(|()| optimizer.check()).map_err(|error| error.context(place()))?;
        let mut states = Vec::new();
        let work = match optimizer.wraps() {
            None => Work::Rule(Rule::new(&*optimizer, &variables, loss_scale, &mut states)),
            Some(wraps) => Work::Around(
                Around::new(&*optimizer, wraps, &variables, loss_scale, &mut states)
                    .map_err(|error| error.context(place()))?,
            ),
        };
        Ok(Updater { optimizer, variables, states, work })
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &Arc<dyn Optimizer> {
        &self.optimizer
    }

    /// The variables it moves.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The states it needs, in Keras's order. The first is the iteration.
    pub fn states(&self) -> &[StateSpec] {
        &self.states
    }

    /// The states that files keep at a place of their own as well: those of the optimizers
    /// inside.
    pub fn groups(&self) -> Vec<StateGroup> {
        match &self.work {
            Work::Rule(_) => Vec::new(),
            Work::Around(around) => around.groups(),
        }
    }

    /// The place of the learning rate among the states; `None` when it is a schedule, or when
    /// several optimizers have each their own.
    pub fn learning_rate_state(&self) -> Option<usize> {
        match &self.work {
            Work::Rule(rule) => rule.learning_rate_state(),
            Work::Around(around) => around.learning_rate_state(),
        }
    }

    /// The place of the count of updates that the learning rate follows, among the states.
    pub fn iteration_state(&self) -> usize {
        match &self.work {
            Work::Rule(_) => 0,
            Work::Around(around) => around.iteration_state(),
        }
    }

    /// The schedule of the learning rate, where there is one.
    pub fn schedule(&self) -> Option<&Arc<dyn Schedule>> {
        match (&self.work, &self.optimizer.options().learning_rate) {
            (Work::Around(around), _) => around.schedule(),
            (Work::Rule(_), LearningRate::Schedule(schedule)) => Some(schedule),
            (Work::Rule(_), LearningRate::Constant(_)) => None,
        }
    }

    /// The place of a variable's moving average among the states, when averages are kept:
    /// what the variable is set to when training ends.
    pub fn average_state(&self, variable: usize) -> Option<usize> {
        match &self.work {
            Work::Rule(rule) => rule.average_state(variable),
            Work::Around(around) => around.average_state(variable),
        }
    }

    /// The loss as it should be differentiated: times `loss_scale_factor`, or the dynamic scale.
    pub fn scale_loss<'g>(&self, states: &[Node<'g>], loss: Node<'g>) -> Node<'g> {
        match &self.work {
            Work::Rule(rule) => rule.scale_loss(loss),
            Work::Around(around) => around.scale_loss(states, loss),
        }
    }

    /// One step: the values of the variables and states after it.
    ///
    /// `states` are the values of [`Updater::states`] before the step; `gradients` belong to
    /// the variables one by one. A variable without a gradient stays as it is, and so do its
    /// slots. A list of the wrong length is kept by the graph as a mistake.
    pub fn apply<'g>(
        &self,
        states: &[Node<'g>],
        variables: &[Node<'g>],
        gradients: &[Option<Node<'g>>],
    ) -> Updates<'g> {
        let counts = [states.len(), variables.len(), gradients.len()];
        let expected = [self.states.len(), self.variables.len(), self.variables.len()];
        if counts != expected {
            if let Some(node) = states.first().or(variables.first()) {
                let message = format!("{counts:?} states, variables and gradients");
                let error = Error::new(ErrorKind::Internal, message);
                node.graph().fail(error.expected(format!("{expected:?}")), node.ty());
            }
            return Updates { variables: variables.to_vec(), states: states.to_vec() };
        }
        match &self.work {
            Work::Rule(rule) => {
                rule.apply(&*self.optimizer, &self.variables, states, variables, gradients)
            }
            Work::Around(around) => around.apply(states, variables, gradients),
        }
    }
}
