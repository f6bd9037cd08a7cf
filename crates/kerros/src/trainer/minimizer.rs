//! Optimizers for training steps written by hand.

use kerros_core::Result;
use kerros_graph::{Node, grad};
use kerros_plan::StateStore;

use super::function::{Variable, Variables};
use super::optimizer_states::OptimizerStates;
use crate::model::{Model, not_built};
use crate::object::Choice;
use crate::optimizers::{self, Optimizer};

/// An optimizer and what it moves, for training steps written by hand: made by
/// [`Variables::optimizer`] and [`Model::optimizer`].
///
/// # Example
/// One weight descends to the minimum of `(w - 3)^2`:
/// ```
/// use kerros::prelude::*;
/// let mut variables = Variables::new();
/// let w = variables.declare("w", &Tensor::scalar(0.0f32))?;
/// let optimizer = variables.optimizer(SGD::new(0.25), &[&w])?;
/// let mut descend = variables.function(|graph| {
///     let loss = (w.node(graph) - 3.0).square();
///     optimizer.minimize(loss)?;
///     Ok(vec![loss])
/// })?;
/// for _ in 0..20 {
///     descend.run(&mut variables, &[])?;
/// }
/// let found = variables.read(&w)?.as_slice::<f32>()?[0];
/// assert!((found - 3.0).abs() < 1e-5);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Minimizer {
    own: OptimizerStates,
    variables: Vec<Variable>,
}

impl Minimizer {
    fn declare(
        store: &mut dyn StateStore,
        optimizer: &Choice<dyn Optimizer>,
        variables: Vec<Variable>,
    ) -> Result<Self> {
        let named = variables.iter().map(|of| optimizers::Variable::new(of.name(), of.shape()));
        let (named, places) = (named.collect(), (0..variables.len()).collect());
        let ids: Vec<_> = variables.iter().map(Variable::id).collect();
        let own = OptimizerStates::declare(store, optimizer.resolve()?, places, named, &ids)?;
        Ok(Minimizer { own, variables })
    }

    /// Adds a step down the loss to the graph: the derivatives, and the next values of the
    /// variables and of the optimizer's states.
    ///
    /// Constraints and regularizers of a model's weights are no part of it.
    ///
    /// # Errors
    /// A variable on which the loss does not depend.
    pub fn minimize(&self, loss: Node<'_>) -> Result<()> {
        let graph = loss.graph();
        let variables: Vec<_> = self.variables.iter().map(|of| of.node(graph)).collect();
        let states = self.own.nodes(graph);
        let gradients = grad(self.own.updater.scale_loss(&states, loss), &variables)?;
        let gradients: Vec<_> = gradients.into_iter().map(Some).collect();
        let next = self.own.updater.apply(&states, &variables, &gradients);
        let moved = variables.into_iter().zip(next.variables);
        for (before, after) in moved.chain(states.into_iter().zip(next.states)) {
            graph.assign(before, after);
        }
        graph.check()
    }
}

impl Variables {
    /// An optimizer, by object or name, that moves these variables: see [`Minimizer`].
    ///
    /// # Errors
    /// An unknown name; a wrong setting.
    pub fn optimizer(
        &mut self,
        optimizer: impl Into<Choice<dyn Optimizer>>,
        variables: &[&Variable],
    ) -> Result<Minimizer> {
        let variables = variables.iter().map(|&variable| variable.clone()).collect();
        Minimizer::declare(self.store(), &optimizer.into(), variables)
    }
}

impl Model {
    /// An optimizer, by object or name, that moves what these layers learn, for steps made by
    /// [`Model::function`]: see [`Minimizer`]. A model can have several, such as one for each of
    /// two networks that play against each other.
    ///
    /// A model that is compiled as well is compiled first: `compile` begins with fresh states, in
    /// which those of the optimizer are not.
    ///
    /// # Errors
    /// An unknown name of an optimizer or a layer; a wrong setting; a model whose input shape
    /// is not known.
    pub fn optimizer<'a>(
        &mut self,
        optimizer: impl Into<Choice<dyn Optimizer>>,
        layers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Minimizer> {
        self.build_with(&[])?;
        let mut names = Vec::new();
        for layer in layers {
            names.push(self.layer(layer)?.name.clone());
        }
        let (network, states) = (&self.network, self.states.as_mut().ok_or_else(not_built)?);
        let weights = network.weights.iter().zip(&states.weights).enumerate();
        let moved = weights.filter(|(place, (entry, _))| {
            network.is_trained(*place) && names.contains(&network.layers[entry.layer].name)
        });
        let variable = |(_, (entry, &id)): (_, (&crate::model::WeightEntry, _))| {
            Variable::of_weight(id, &entry.path, &entry.weight)
        };
        let variables = moved.map(variable).collect();
        Minimizer::declare(&mut *states.store, &optimizer.into(), variables)
    }
}
