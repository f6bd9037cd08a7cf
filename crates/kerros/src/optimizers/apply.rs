//! The machinery around an update rule, for a whole set of variables.
//!
//! ```text
//! gradients / loss scale -> mean over accumulation steps -> clipping -> weight decay
//!     -> the rule -> moving averages -> iteration + 1
//! ```

use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::{Moved, Optimizer, Start, Step, Variable};
use crate::schedules::LearningRate;

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
    learning_rate: Option<usize>,
    averages: Option<usize>,
    accumulators: Option<usize>,
    /// For each variable the states that are its slots.
    slots: Vec<Vec<usize>>,
    /// The states that are the shared slots.
    shared: std::ops::Range<usize>,
}

impl Updater {
    /// Lays out the optimizer's states for these variables, in the order in which Keras
    /// creates them and writes them to files: iteration, learning rate (unless it is a
    /// schedule), moving averages, gradient accumulators, slots, shared slots.
    ///
    /// # Errors
    /// A setting of the optimizer that is out of its range or contradicts another.
    pub fn new(optimizer: Arc<dyn Optimizer>, variables: Vec<Variable>) -> Result<Self> {
        let place = || format!("optimizer {}", optimizer.class_name());
        let options = optimizer.options();
        options.check().and_then(|()| optimizer.check()).map_err(|error| error.context(place()))?;
        let name = optimizer.name();
        let mut states = Vec::new();
        let mut add = |path: String, shape: &Shape, dtype, start, variable| {
            states.push(StateSpec { path, shape: shape.clone(), dtype, start, variable });
            states.len() - 1
        };

        add(format!("{name}/iteration"), &Shape::scalar(), DType::I32, Start::Filled(0.0), None);
        let learning_rate = match options.learning_rate {
            LearningRate::Constant(rate) => {
                let path = format!("{name}/learning_rate");
                Some(add(path, &Shape::scalar(), DType::F32, Start::Filled(rate), None))
            }
            LearningRate::Schedule(_) => None,
        };
        let mut beside_all = |suffix: &str| {
            let places = variables.iter().enumerate().map(|(index, variable)| {
                let path = format!("{name}/{}_{suffix}", variable.path.replace('/', "_"));
                add(path, &variable.shape, DType::F32, Start::Filled(0.0), Some(index))
            });
            places.min()
        };
        let averages = options.use_ema.then(|| beside_all("average")).flatten();
        let accumulating = options.gradient_accumulation_steps.is_some();
        let accumulators = accumulating.then(|| beside_all("gradient_accumulator")).flatten();

        let wanted: Vec<_> = variables.iter().map(|variable| optimizer.slots(variable)).collect();
        let mut slots: Vec<_> = wanted.iter().map(|slots| vec![0; slots.len()]).collect();
        let groups = wanted.iter().flatten().map(|slot| slot.group + 1).max().unwrap_or(0);
        for group in 0..groups {
            for (index, variable) in variables.iter().enumerate() {
                for (at, slot) in wanted[index].iter().enumerate() {
                    if slot.group == group {
                        let path = optimizer.slot_path(variable, slot);
                        slots[index][at] =
                            add(path, &slot.shape, slot.dtype, slot.start, Some(index));
                    }
                }
            }
        }
        let shared_slots = optimizer.shared_slots();
        for slot in &shared_slots {
            add(slot.name.into(), &slot.shape, slot.dtype, slot.start, None);
        }
        let shared = states.len() - shared_slots.len()..states.len();
        Ok(Updater {
            optimizer,
            variables,
            states,
            learning_rate,
            averages,
            accumulators,
            slots,
            shared,
        })
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

    /// The place of the learning rate among the states; `None` when it is a schedule.
    pub fn learning_rate_state(&self) -> Option<usize> {
        self.learning_rate
    }

    /// The place of a variable's moving average among the states, when averages are kept:
    /// what the variable is set to when training ends.
    pub fn average_state(&self, variable: usize) -> Option<usize> {
        self.averages.filter(|_| variable < self.variables.len()).map(|first| first + variable)
    }

    /// The learning rate of the coming step, a scalar.
    pub fn learning_rate<'g>(&self, states: &[Node<'g>]) -> Node<'g> {
        match (&self.optimizer.options().learning_rate, self.learning_rate) {
            (LearningRate::Schedule(schedule), _) => schedule.at(states[0].cast(DType::F32)),
            (LearningRate::Constant(_), Some(place)) => states[place],
            (LearningRate::Constant(rate), None) => states[0].graph().constant(*rate),
        }
    }

    /// The loss as it should be differentiated: times `loss_scale_factor`.
    pub fn scale_loss<'g>(&self, loss: Node<'g>) -> Node<'g> {
        match self.optimizer.options().loss_scale_factor {
            Some(factor) => loss * factor as f32,
            None => loss,
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
        let mut next = Updates { variables: variables.to_vec(), states: states.to_vec() };
        let counts = [states.len(), variables.len(), gradients.len()];
        let expected = [self.states.len(), self.variables.len(), self.variables.len()];
        if counts != expected {
            if let Some(node) = states.first().or(variables.first()) {
                let message = format!("{counts:?} states, variables and gradients");
                let error = Error::new(ErrorKind::Internal, message);
                node.graph().fail(error.expected(format!("{expected:?}")), node.ty());
            }
            return next;
        }
        let options = self.optimizer.options();
        let iteration = states[0];
        next.states[0] = iteration + 1.0;

        let (moving, mut gradients): (Vec<usize>, Vec<Node<'g>>) =
            gradients.iter().enumerate().filter_map(|(at, &g)| Some((at, g?))).unzip();
        if let Some(scale) = options.loss_scale_factor {
            gradients.iter_mut().for_each(|g| *g = *g / scale as f32);
        }
        let (mut updates_done, mut due) = (iteration, None);
        if let (Some(steps), Some(first)) = (options.gradient_accumulation_steps, self.accumulators)
        {
            let (rounds, into_round) = divide(iteration, steps);
            let ends = into_round.equal((steps - 1) as f32);
            for (&at, gradient) in moving.iter().zip(&mut gradients) {
                let sum = *gradient + states[first + at];
                next.states[first + at] = ends.select(0.0, sum);
                *gradient = sum / steps as f32;
            }
            (updates_done, due) = (rounds, Some(ends));
        }
        let gradients = clip(options, &gradients);

        let mut step = Step {
            learning_rate: self.learning_rate(states),
            iterations: updates_done.cast(DType::F32),
            shared: states[self.shared.clone()].to_vec(),
        };
        // Between the updates of an accumulation everything stays.
        let settle = |before: Node<'g>, after: Node<'g>| match due {
            Some(due) => due.select(after, before),
            None => after,
        };
        step.shared = self.optimizer.update_shared(&step);
        for (place, &value) in self.shared.clone().zip(&step.shared) {
            next.states[place] = settle(states[place], value);
        }
        for (&at, &gradient) in moving.iter().zip(&gradients) {
            let about = &self.variables[at];
            let slots: Vec<_> = self.slots[at].iter().map(|&place| states[place]).collect();
            let variable = self.decayed(about, variables[at], step.learning_rate);
            let moved = Moved { about, variable, gradient, slots: &slots };
            let updated = self.optimizer.update(&step, &moved);
            next.variables[at] = settle(variables[at], updated.variable);
            for (&place, &value) in self.slots[at].iter().zip(&updated.slots) {
                next.states[place] = settle(states[place], value);
            }
        }
        self.average(&mut next, updates_done);
        next
    }

    /// `variable - variable * weight_decay * rate`, unless the variable keeps clear of it.
    fn decayed<'g>(&self, about: &Variable, variable: Node<'g>, rate: Node<'g>) -> Node<'g> {
        let excluded = &self.optimizer.options().exclude_from_weight_decay;
        match self.optimizer.weight_decay_of(about) {
            Some(decay) if !excluded.iter().any(|text| about.name().contains(text)) => {
                variable - variable * decay as f32 * rate
            }
            _ => variable,
        }
    }

    /// Moves the averages towards the variables' next values, and now and then sets the
    /// variables to them.
    fn average<'g>(&self, next: &mut Updates<'g>, updates_done: Node<'g>) {
        let Some(first) = self.averages else { return };
        let options = self.optimizer.options();
        // The first average is the variable itself.
        let kept = updates_done.equal(0.0).select(0.0, options.ema_momentum as f32);
        let overwrite = options
            .ema_overwrite_frequency
            .map(|frequency| divide(updates_done, frequency).1.equal((frequency - 1) as f32));
        for (at, variable) in next.variables.iter_mut().enumerate() {
            let average = &mut next.states[first + at];
            *average = *average * kept + *variable * (1.0 - kept);
            if let Some(overwrite) = overwrite {
                *variable = overwrite.select(*average, *variable);
            }
        }
    }
}

/// Gradients within their bounds.
fn clip<'g>(options: &super::Options, gradients: &[Node<'g>]) -> Vec<Node<'g>> {
    let positive = |bound: Option<f64>| bound.filter(|&bound| bound > 0.0);
    let each = |clipped: &dyn Fn(Node<'g>) -> Node<'g>| -> Vec<Node<'g>> {
        gradients.iter().map(|&gradient| clipped(gradient)).collect()
    };
    if let Some(bound) = positive(options.clipnorm) {
        let bound = bound as f32;
        each(&|g| g * bound / Node::global_norm(&[g]).maximum(bound))
    } else if let (Some(bound), false) = (positive(options.global_clipnorm), gradients.is_empty()) {
        let norm = Node::global_norm(gradients);
        let scale = (1.0 / norm).minimum((1.0 / bound) as f32) * bound as f32;
        // Times 0, what is not finite is NaN: then so are all gradients, instead of zero.
        let scale = scale + norm * 0.0;
        each(&|g| g * scale)
    } else if let Some(bound) = positive(options.clipvalue) {
        each(&|g| g.clip(-bound as f32, bound as f32))
    } else {
        gradients.to_vec()
    }
}

/// The whole quotient and the remainder of a count (`i32`).
fn divide(count: Node<'_>, by: usize) -> (Node<'_>, Node<'_>) {
    let by = by as f32;
    // `f32` counts exactly up to 2^24 only: a second division mends what the first left.
    let first = (count.cast(DType::F32) / by).floor().cast(DType::I32);
    let rest = count - first * by;
    let second = (rest.cast(DType::F32) / by).floor().cast(DType::I32);
    (first + second, rest - second * by)
}
