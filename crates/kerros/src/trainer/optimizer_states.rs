//! The optimizer's states on the device.

use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};
use kerros_graph::{Graph, Node, StateId, Type};
use kerros_plan::StateStore;

use crate::model::{Model, not_built};
use crate::optimizers::{Optimizer, Start, Updater, Variable};

/// The states of an optimizer on the device.
#[derive(Clone, Debug)]
pub(crate) struct OptimizerStates {
    pub(crate) updater: Updater,
    /// The places of the variables in the network's weights.
    pub(crate) trained: Vec<usize>,
    /// One per state of the updater.
    pub(crate) ids: Vec<StateId>,
    /// Whether weights and their moving averages have changed places.
    averages_shown: bool,
}

impl OptimizerStates {
    pub(super) fn declare(
        store: &mut dyn StateStore,
        optimizer: Arc<dyn Optimizer>,
        trained: Vec<usize>,
        variables: Vec<Variable>,
        weights: &[StateId],
    ) -> Result<Self> {
        let updater = Updater::new(optimizer, variables)?;
        let mut ids = Vec::with_capacity(updater.states().len());
        for state in updater.states() {
            let id = store.declare(&Type::new(state.dtype, &state.shape));
            let start = match (state.start, state.variable, state.dtype) {
                (Start::Variable, Some(at), _) => store.read(weights[trained[at]])?,
                (Start::Filled(number), _, DType::I32) => Tensor::full(&state.shape, number as i32),
                (Start::Filled(number), ..) => Tensor::full(&state.shape, number),
                (Start::Variable, None, _) => {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        format!("the state `{}` copies no variable", state.path),
                    ));
                }
            };
            store.write(id, &start)?;
            ids.push(id);
        }
        Ok(OptimizerStates { updater, trained, ids, averages_shown: false })
    }

    /// The types of the states, in Keras's order.
    pub(crate) fn types(&self) -> Vec<Type> {
        let ty = |state: &crate::optimizers::StateSpec| Type::new(state.dtype, &state.shape);
        self.updater.states().iter().map(ty).collect()
    }

    /// The nodes of the states.
    pub(crate) fn nodes<'g>(&self, graph: &'g Graph) -> Vec<Node<'g>> {
        let node = |(state, &id): (&crate::optimizers::StateSpec, &StateId)| {
            graph.state(id, &state.path, &state.shape, state.dtype)
        };
        self.updater.states().iter().zip(&self.ids).map(node).collect()
    }
}

impl Model {
    /// Makes the optimizer's states and the random key, unless they are there.
    pub(crate) fn prepare_optimizer(&mut self) -> Result<()> {
        self.compiled()?;
        self.build_with(&[])?;
        let seed = *self.seed.get_or_insert_with(crate::model::seed::next_seed);
        let (Some(compiled), Some(states)) = (&mut self.compiled, &mut self.states) else {
            return Err(not_built());
        };
        if compiled.optimizer_states.is_some() {
            return Ok(());
        }
        let network = &self.network;
        let trained: Vec<usize> =
            (0..network.weights.len()).filter(|&place| network.is_trained(place)).collect();
        let variable = |&place: &usize| {
            let entry = &network.weights[place];
            // Layers of a functional model are built before there is a model to name them after,
            // those of a file before there is anything around them.
            let own = entry.path.split_once('/').map(|(_, own)| own);
            let own = own.filter(|_| network.is_functional || network.is_read);
            let alone = &entry.weight.path_in_files;
            let path = match network.is_read && !alone.is_empty() {
                true => &**alone,
                false => own.unwrap_or(&entry.path),
            };
            Variable::new(path, &entry.weight.shape)
        };
        let variables = trained.iter().map(variable).collect();
        let store = &mut *states.store;
        let optimizer = compiled.optimizer.clone();
        let own = OptimizerStates::declare(store, optimizer, trained, variables, &states.weights)
            .map_err(|error| error.at(&compiled.origin))?;
        let key = store.declare(&Type::new(DType::I32, [4]));
        let words = [seed as u32 as i32, (seed >> 32) as u32 as i32, 0, 0];
        store.write(key, &Tensor::new([4], words)?)?;
        compiled.key = Some(key);
        compiled.optimizer_states = Some(own);
        Ok(())
    }

    /// The optimizer's states with their paths, in Keras's order: for files.
    ///
    /// # Errors
    /// A model that is not compiled or not built.
    pub fn optimizer_states(&mut self) -> Result<Vec<(String, Tensor)>> {
        self.prepare_optimizer()?;
        let (own, store) = self.optimizer_and_store()?;
        let state = |(state, &id): (&crate::optimizers::StateSpec, &StateId)| {
            Ok((state.path.clone(), store.read(id)?))
        };
        own.updater.states().iter().zip(&own.ids).map(state).collect()
    }

    /// Sets the optimizer's states, given in the order of [`Model::optimizer_states`].
    ///
    /// # Errors
    /// As there; [`ErrorKind::Shape`] when a state is missing or of another type: nothing is
    /// set then.
    pub fn set_optimizer_states(&mut self, values: &[Tensor]) -> Result<()> {
        self.prepare_optimizer()?;
        let (own, store) = self.optimizer_and_store()?;
        if values.len() != own.ids.len() {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("{} optimizer states were given", values.len()),
            )
            .expected(format!("{}", own.ids.len())));
        }
        for (state, value) in own.updater.states().iter().zip(values) {
            if value.shape() != &state.shape || value.dtype() != state.dtype {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("{}{} was given to `{}`", value.dtype(), value.shape(), state.path),
                )
                .expected(format!("{}{}", state.dtype, state.shape)));
            }
        }
        own.ids.iter().zip(values).try_for_each(|(&id, value)| store.write(id, value))
    }

    /// The seed and the number of random training steps so far: with the weights and the
    /// optimizer's states all that is needed to go on where a run ended.
    ///
    /// # Errors
    /// A model that is not compiled or not built.
    pub fn random_key(&mut self) -> Result<[i32; 4]> {
        self.prepare_optimizer()?;
        let key = self.compiled()?.key.ok_or_else(not_built)?;
        let value = self.states()?.store.read(key)?;
        let words = value.as_slice::<i32>()?;
        Ok([words[0], words[1], words[2], words[3]])
    }

    /// Sets what [`Model::random_key`] gives.
    ///
    /// # Errors
    /// As there.
    pub fn set_random_key(&mut self, words: [i32; 4]) -> Result<()> {
        self.prepare_optimizer()?;
        let key = self.compiled()?.key.ok_or_else(not_built)?;
        self.states()?.store.write(key, &Tensor::new([4], words)?)
    }

    /// The learning rate of the next step.
    ///
    /// # Errors
    /// A model that is not compiled or not built; [`ErrorKind::State`] when several optimizers
    /// have each their own.
    pub fn learning_rate(&mut self) -> Result<f32> {
        self.prepare_optimizer()?;
        let (own, store) = self.optimizer_and_store()?;
        let Some(schedule) = own.updater.schedule() else {
            let place = own.updater.learning_rate_state().ok_or_else(several_rates)?;
            return Ok(store.read(own.ids[place])?.as_slice::<f32>()?[0]);
        };
        let graph = Graph::new();
        let count = own.ids[own.updater.iteration_state()];
        let iteration = graph.literal(store.read(count)?).cast(DType::F32);
        let rate = schedule.at(iteration);
        let value = kerros_graph::eval::evaluate::<f32>(&graph, &[rate], &[], &[])?;
        Ok(value[0].as_slice::<f32>()?[0])
    }

    /// Sets the learning rate from the next step on.
    ///
    /// # Errors
    /// As [`Model::learning_rate`]; [`ErrorKind::State`] when the optimizer follows a schedule or
    /// is several optimizers;
    /// [`ErrorKind::Argument`] for a negative rate or NaN.
    pub fn set_learning_rate(&mut self, rate: f32) -> Result<()> {
        self.prepare_optimizer()?;
        let (own, store) = self.optimizer_and_store()?;
        if let Some(schedule) = own.updater.schedule() {
            return Err(Error::new(
                ErrorKind::State,
                format!("the learning rate follows the schedule {}", schedule.class_name()),
            )
            .expected("an optimizer with a number as learning rate"));
        }
        if !(rate.is_finite() && rate >= 0.0) {
            return Err(Error::new(ErrorKind::Argument, format!("the learning rate {rate}"))
                .expected("a finite number of at least 0"));
        }
        let place = own.updater.learning_rate_state().ok_or_else(several_rates)?;
        store.write(own.ids[place], &Tensor::scalar(rate))
    }

    /// The number of updates that the optimizer has made.
    pub(crate) fn iterations(&mut self) -> Result<u64> {
        self.prepare_optimizer()?;
        let (own, store) = self.optimizer_and_store()?;
        Ok(store.read(own.ids[0])?.as_slice::<i32>()?[0] as u64)
    }

    /// The learning rate that the optimizer keeps as a variable, where it keeps one and has
    /// begun.
    pub(crate) fn learning_rate_variable(&mut self) -> Result<Option<f32>> {
        let begun = self.compiled.as_ref().and_then(|compiled| compiled.optimizer_states.as_ref());
        match begun.is_some_and(|own| own.updater.learning_rate_state().is_some()) {
            true => self.learning_rate().map(Some),
            false => Ok(None),
        }
    }

    /// At the end of `fit`: weights become their moving averages where those are kept, as in
    /// Keras; also when averages and weights have changed places, where Keras leaves the weights
    /// unless the run ended with its last epoch.
    pub(crate) fn finish_weights(&mut self) -> Result<()> {
        let shown = self.averages_shown();
        let (Some(compiled), Some(states)) = (&mut self.compiled, &mut self.states) else {
            return Ok(());
        };
        let Some(own) = &mut compiled.optimizer_states else { return Ok(()) };
        own.averages_shown = false;
        for (at, &place) in own.trained.iter().enumerate() {
            if let Some(average) = own.updater.average_state(at) {
                let (weight, average) = (states.weights[place], own.ids[average]);
                let (from, to) = if shown { (weight, average) } else { (average, weight) };
                let value = states.store.read(from)?;
                states.store.write(to, &value)?;
            }
        }
        Ok(())
    }

    /// Checks that the optimizer keeps moving averages of the weights.
    pub(crate) fn check_averages(&mut self) -> Result<()> {
        self.prepare_optimizer()?;
        let (own, _) = self.optimizer_and_store()?;
        match own.updater.average_state(0) {
            Some(_) => Ok(()),
            None => Err(Error::new(
                ErrorKind::State,
                format!("{} keeps no moving averages", own.updater.optimizer().class_name()),
            )
            .expected("an optimizer with `use_ema`")
            .hint("Adam::new(1e-3).use_ema(true)")),
        }
    }

    /// Whether weights and their moving averages have changed places.
    pub(crate) fn averages_shown(&self) -> bool {
        let own = self.compiled.as_ref().and_then(|compiled| compiled.optimizer_states.as_ref());
        own.is_some_and(|own| own.averages_shown)
    }

    /// Says that weights and averages have changed places, when both were just set.
    pub(crate) fn mark_averages_shown(&mut self, shown: bool) {
        let own = self.compiled.as_mut().and_then(|compiled| compiled.optimizer_states.as_mut());
        if let Some(own) = own {
            own.averages_shown = shown;
        }
    }

    /// Lets weights and their moving averages change places, so that the model has the averages
    /// (`true`) or the weights.
    pub(crate) fn show_averages(&mut self, show: bool) -> Result<()> {
        self.check_averages()?;
        let (Some(compiled), Some(states)) = (&mut self.compiled, &mut self.states) else {
            return Err(not_built());
        };
        let own = compiled.optimizer_states.as_mut().ok_or_else(not_built)?;
        if own.averages_shown == show {
            return Ok(());
        }
        own.averages_shown = show;
        for (at, &place) in own.trained.iter().enumerate() {
            if let Some(average) = own.updater.average_state(at) {
                let (weight, average) = (states.weights[place], own.ids[average]);
                let (a, b) = (states.store.read(weight)?, states.store.read(average)?);
                states.store.write(weight, &b)?;
                states.store.write(average, &a)?;
            }
        }
        Ok(())
    }

    fn optimizer_and_store(&mut self) -> Result<(&OptimizerStates, &mut dyn StateStore)> {
        let own = self.compiled.as_ref().and_then(|compiled| compiled.optimizer_states.as_ref());
        match (own, &mut self.states) {
            (Some(own), Some(states)) => Ok((own, &mut *states.store)),
            _ => Err(not_built()),
        }
    }
}

fn several_rates() -> Error {
    Error::new(ErrorKind::State, "several optimizers have each their own learning rate")
        .expected("one optimizer")
}
