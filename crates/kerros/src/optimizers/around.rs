//! Optimizers that stand around others: which states and variables go to whom.

use std::ops::Range;
use std::sync::Arc;

use kerros_core::{DType, Result, Shape};
use kerros_graph::Node;

use super::apply::{StateGroup, StateSpec, Updater, Updates};
use super::{Optimizer, Start, Variable, Wraps};
use crate::model::names::snake_case;
use crate::schedules::Schedule;

/// The optimizers inside another one, with their states behind its own.
#[derive(Clone, Debug)]
pub(super) struct Around {
    kind: Kind,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The loss is scaled by a state; `counter` is the place of the count of finite steps.
    Scaled { scale: usize, counter: usize, growth_steps: usize },
    /// The loss is scaled by a number, or not.
    Several { loss_scale: Option<f64> },
}

/// One of the optimizers inside.
#[derive(Clone, Debug)]
struct Part {
    updater: Updater,
    /// The places of its variables among all.
    variables: Vec<usize>,
    /// The places of its states among all.
    states: Range<usize>,
    /// Keras's name of its place in files.
    group: String,
}

impl Around {
    /// Lays out the states: iteration and a learning rate that nobody reads, as in Keras, what
    /// scaling needs, then those of the optimizers inside. `loss_scale` is the number by which
    /// the loss of several optimizers is scaled.
    ///
    /// # Errors
    /// A variable that several patterns match; a wrong setting of an optimizer inside.
    pub(super) fn new(
        optimizer: &dyn Optimizer,
        wraps: Wraps<'_>,
        variables: &[Variable],
        loss_scale: Option<f64>,
        states: &mut Vec<StateSpec>,
    ) -> Result<Self> {
        let name = optimizer.name();
        let mut scalar = |what: &str, dtype, start: f64| {
            states.push(StateSpec {
                path: format!("{name}/{what}"),
                shape: Shape::scalar(),
                dtype,
                start: Start::Filled(start as f32),
                variable: None,
            });
            states.len() - 1
        };
        scalar("iteration", DType::I32, 0.0);
        scalar("learning_rate", DType::F32, 0.0);
        let all = || (0..variables.len()).collect::<Vec<usize>>();
        let (kind, inside) = match wraps {
            Wraps::Scaled(scaled) => {
                let (initial, growth_steps) = scaled.scale();
                let counter = scalar("step_counter", DType::I32, 0.0);
                let scale = scalar("dynamic_scale", DType::F32, initial);
                let inner = (scaled.inner_optimizer()?, all(), None, "inner_optimizer".into());
                (Kind::Scaled { scale, counter, growth_steps }, vec![inner])
            }
            Wraps::Several(several) => {
                let routes = several.routes()?;
                let mut of_optimizer = vec![Vec::new(); routes.optimizers.len()];
                for (at, variable) in variables.iter().enumerate() {
                    of_optimizer[routes.of(variable)?].push(at);
                }
                let groups = groups(&routes.optimizers);
                let inside = routes.optimizers.into_iter().zip(of_optimizer).zip(groups);
                let inside = inside.map(|((optimizer, variables), group)| {
                    (optimizer, variables, loss_scale, group)
                });
                (Kind::Several { loss_scale }, inside.collect())
            }
        };
        let mut parts = Vec::new();
        for (optimizer, places, loss_scale, group) in inside {
            let own: Vec<Variable> = places.iter().map(|&at| variables[at].clone()).collect();
            let updater = Updater::scaled(optimizer, own, loss_scale)?;
            let first = states.len();
            states.extend(
                updater.states().iter().cloned().map(|state| StateSpec {
                    variable: state.variable.map(|at| places[at]),
                    ..state
                }),
            );
            parts.push(Part { updater, variables: places, states: first..states.len(), group });
        }
        Ok(Around { kind, parts })
    }

    /// The states of the optimizers inside.
    pub(super) fn groups(&self) -> Vec<StateGroup> {
        let mut all = Vec::new();
        for part in &self.parts {
            all.push(StateGroup {
                path: part.group.clone(),
                name: part.updater.optimizer().name().into(),
                states: part.states.clone(),
            });
            let first = part.states.start;
            all.extend(part.updater.groups().into_iter().map(|inside| StateGroup {
                path: format!("{}/{}", part.group, inside.path),
                states: first + inside.states.start..first + inside.states.end,
                ..inside
            }));
        }
        all
    }

    /// The one optimizer inside whose learning rate and count are those of all.
    fn only(&self) -> Option<&Part> {
        match self.kind {
            Kind::Scaled { .. } => self.parts.first(),
            Kind::Several { .. } => None,
        }
    }

    pub(super) fn learning_rate_state(&self) -> Option<usize> {
        let part = self.only()?;
        part.updater.learning_rate_state().map(|place| part.states.start + place)
    }

    pub(super) fn iteration_state(&self) -> usize {
        self.only().map_or(0, |part| part.states.start + part.updater.iteration_state())
    }

    pub(super) fn schedule(&self) -> Option<&Arc<dyn Schedule>> {
        self.only().and_then(|part| part.updater.schedule())
    }

    pub(super) fn average_state(&self, variable: usize) -> Option<usize> {
        self.parts.iter().find_map(|part| {
            let at = part.variables.iter().position(|&place| place == variable)?;
            part.updater.average_state(at).map(|place| part.states.start + place)
        })
    }

    pub(super) fn scale_loss<'g>(&self, states: &[Node<'g>], loss: Node<'g>) -> Node<'g> {
        match self.kind {
            Kind::Scaled { scale, .. } => loss * states[scale],
            Kind::Several { loss_scale: Some(factor) } => loss * factor as f32,
            Kind::Several { loss_scale: None } => loss,
        }
    }

    /// One step, of lists of the right lengths: see [`Updater::apply`].
    pub(super) fn apply<'g>(
        &self,
        states: &[Node<'g>],
        variables: &[Node<'g>],
        gradients: &[Option<Node<'g>>],
    ) -> Updates<'g> {
        let mut gradients = gradients.to_vec();
        if let Kind::Scaled { scale, .. } = self.kind {
            for gradient in gradients.iter_mut().flatten() {
                *gradient = *gradient / states[scale];
            }
        }
        let mut next = Updates { variables: variables.to_vec(), states: states.to_vec() };
        for part in &self.parts {
            let pick = |from: &[Node<'g>]| part.variables.iter().map(|&at| from[at]).collect();
            let own: Vec<Node<'g>> = pick(variables);
            let of_own: Vec<_> = part.variables.iter().map(|&at| gradients[at]).collect();
            // In Keras an optimizer without variables does not count steps.
            if own.is_empty() {
                continue;
            }
            let updates = part.updater.apply(&states[part.states.clone()], &own, &of_own);
            for (&at, value) in part.variables.iter().zip(updates.variables) {
                next.variables[at] = value;
            }
            for (place, value) in part.states.clone().zip(updates.states) {
                next.states[place] = value;
            }
        }
        match self.kind {
            Kind::Several { .. } => {
                next.states[0] = states[0] + 1.0;
                next
            }
            Kind::Scaled { scale, counter, growth_steps } => {
                let given: Vec<Node<'g>> = gradients.into_iter().flatten().collect();
                self.unless_overflown(
                    &given,
                    states,
                    variables,
                    next,
                    [scale, counter],
                    growth_steps,
                )
            }
        }
    }

    /// The step where all gradients are finite, with the scale doubled after so many of these;
    /// else the state before it, with half the scale.
    fn unless_overflown<'g>(
        &self,
        gradients: &[Node<'g>],
        states: &[Node<'g>],
        variables: &[Node<'g>],
        next: Updates<'g>,
        [scale, counter]: [usize; 2],
        growth_steps: usize,
    ) -> Updates<'g> {
        let graph = states[0].graph();
        let all_finite = |gradient: &Node<'g>| {
            let axes: Vec<isize> = (0..gradient.ndim() as isize).collect();
            gradient.is_finite().all(&axes)
        };
        let finite = gradients.iter().map(all_finite).reduce(|a, b| a.logical_and(b));
        let Some(finite) = finite else { return next };
        let settle = |(&before, after): (&Node<'g>, Node<'g>)| match before.id() == after.id() {
            true => before,
            false => finite.select(after, before),
        };
        let mut settled = Updates {
            variables: variables.iter().zip(next.variables).map(settle).collect(),
            states: states.iter().zip(next.states).map(settle).collect(),
        };
        let zero = graph.constant_i32(0);
        let grows = states[counter].equal(graph.constant_i32(growth_steps as i32 - 1));
        let counted = grows.select(zero, states[counter] + 1.0);
        settled.states[counter] = finite.select(counted, zero);
        let grown = grows.select(states[scale] * 2.0, states[scale]);
        settled.states[scale] = finite.select(grown, states[scale] * 0.5);
        settled
    }
}

/// Keras's names of the places of optimizers in files: their classes, numbered where equal.
fn groups(optimizers: &[Arc<dyn Optimizer>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for optimizer in optimizers {
        let class = snake_case(optimizer.class_name());
        let same = optimizers[..names.len()]
            .iter()
            .filter(|known| known.class_name() == optimizer.class_name())
            .count();
        names.push(match same {
            0 => format!("optimizers/{class}"),
            number => format!("optimizers/{class}_{number}"),
        });
    }
    names
}
