//! One optimizer's rule and what surrounds it, for a set of variables.

use kerros_core::{DType, Shape};
use kerros_graph::Node;

use super::apply::{StateSpec, Updates};
use super::pattern::Pattern;
use super::{Moved, Optimizer, Options, Start, Step, Variable};
use crate::schedules::LearningRate;

/// Where the states of an optimizer that moves variables itself are.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    loss_scale: Option<f64>,
    learning_rate: Option<usize>,
    averages: Option<usize>,
    accumulators: Option<usize>,
    /// For each variable the states that are its slots.
    slots: Vec<Vec<usize>>,
    /// The states that are the shared slots.
    shared: std::ops::Range<usize>,
}

impl Rule {
    /// Lays out the states, adding them to an empty list.
    pub(super) fn new(
        optimizer: &dyn Optimizer,
        variables: &[Variable],
        loss_scale: Option<f64>,
        states: &mut Vec<StateSpec>,
    ) -> Self {
        let (options, name) = (optimizer.options(), optimizer.name());
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
        Rule { loss_scale, learning_rate, averages, accumulators, slots, shared }
    }

    /// The place of the learning rate among the states; `None` when it is a schedule.
    pub(super) fn learning_rate_state(&self) -> Option<usize> {
        self.learning_rate
    }

    /// The place of a variable's moving average among the states, when averages are kept.
    pub(super) fn average_state(&self, variable: usize) -> Option<usize> {
        self.averages.filter(|_| variable < self.slots.len()).map(|first| first + variable)
    }

    /// The learning rate of the coming step, a scalar.
    fn learning_rate<'g>(&self, options: &Options, states: &[Node<'g>]) -> Node<'g> {
        match (&options.learning_rate, self.learning_rate) {
            (LearningRate::Schedule(schedule), _) => schedule.at(states[0].cast(DType::F32)),
            (LearningRate::Constant(_), Some(place)) => states[place],
            (LearningRate::Constant(rate), None) => states[0].graph().constant(*rate),
        }
    }

    /// The loss times the fixed scale.
    pub(super) fn scale_loss<'g>(&self, loss: Node<'g>) -> Node<'g> {
        match self.loss_scale {
            Some(factor) => loss * factor as f32,
            None => loss,
        }
    }

    /// One step, of lists of the right lengths: see [`super::Updater::apply`].
    pub(super) fn apply<'g>(
        &self,
        optimizer: &dyn Optimizer,
        about: &[Variable],
        states: &[Node<'g>],
        variables: &[Node<'g>],
        gradients: &[Option<Node<'g>>],
    ) -> Updates<'g> {
        let mut next = Updates { variables: variables.to_vec(), states: states.to_vec() };
        let options = optimizer.options();
        let iteration = states[0];
        next.states[0] = iteration + 1.0;

        let (moving, mut gradients): (Vec<usize>, Vec<Node<'g>>) =
            gradients.iter().enumerate().filter_map(|(at, &g)| Some((at, g?))).unzip();
        if let Some(scale) = self.loss_scale {
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
            learning_rate: self.learning_rate(options, states),
            iterations: updates_done.cast(DType::F32),
            shared: states[self.shared.clone()].to_vec(),
        };
        // Between the updates of an accumulation everything stays.
        let settle = |before: Node<'g>, after: Node<'g>| match due {
            Some(due) => due.select(after, before),
            None => after,
        };
        step.shared = optimizer.update_shared(&step);
        for (place, &value) in self.shared.clone().zip(&step.shared) {
            next.states[place] = settle(states[place], value);
        }
        for (&at, &gradient) in moving.iter().zip(&gradients) {
            let about = &about[at];
            let slots: Vec<_> = self.slots[at].iter().map(|&place| states[place]).collect();
            let variable = decayed(optimizer, about, variables[at], step.learning_rate);
            let moved = Moved { about, variable, gradient, slots: &slots };
            let updated = optimizer.update(&step, &moved);
            next.variables[at] = settle(variables[at], updated.variable);
            for (&place, &value) in self.slots[at].iter().zip(&updated.slots) {
                next.states[place] = settle(states[place], value);
            }
        }
        self.average(options, &mut next, updates_done);
        next
    }

    /// Moves the averages towards the variables' next values, and now and then sets the
    /// variables to them.
    fn average<'g>(&self, options: &Options, next: &mut Updates<'g>, updates_done: Node<'g>) {
        let Some(first) = self.averages else { return };
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

/// `variable - variable * weight_decay * rate`, unless the variable keeps clear of it.
fn decayed<'g>(
    optimizer: &dyn Optimizer,
    about: &Variable,
    variable: Node<'g>,
    rate: Node<'g>,
) -> Node<'g> {
    let excluded = &optimizer.options().exclude_from_weight_decay;
    match optimizer.weight_decay_of(about) {
        Some(decay) if !excluded.iter().any(|pattern| is_found(pattern, about.name())) => {
            variable - variable * decay as f32 * rate
        }
        _ => variable,
    }
}

/// Whether a pattern is found in a name; patterns were checked with the options.
pub(super) fn is_found(pattern: &str, name: &str) -> bool {
    Pattern::new(pattern).is_ok_and(|pattern| pattern.is_found_in(name))
}

/// Gradients within their bounds.
fn clip<'g>(options: &Options, gradients: &[Node<'g>]) -> Vec<Node<'g>> {
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
