//! The graphs of a model: one traced step of training, evaluation or prediction.

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::{Graph, Node, NodeId, StateId, grad_where_connected};
use kerros_plan::{CompileOptions, Executable, Feed};

use super::executables::{ExecutableId, ExecutableKey};
use super::optimizer_states::OptimizerStates;
use super::trackers::{MeanStates, OutputTrackers, Trackers};
use super::{Compiled, Mode};
use crate::losses;
use crate::model::{Forward, InputSpec, Masked, Model, Pass, not_built};

impl Model {
    /// The executable for this key, traced and compiled when it is the first.
    pub(crate) fn executable_for(&mut self, key: &ExecutableKey) -> Result<ExecutableId> {
        if let Some(id) = self.executables.find(key) {
            return Ok(id);
        }
        let (executable, unreached) =
            self.trace(key).map_err(|error| self.with_fitting_rows(error, key.rows))?;
        if !unreached.is_empty() && !self.executables.any_of(Mode::Train) {
            self.warnings.warn(&format!(
                "the loss does not depend on {}: what no derivative reaches does not learn; if that \
                 is meant, freeze the layer: model.set_trainable(\"its name\", false)",
                unreached.join(", ")
            ));
        }
        Ok(self.executables.add(key.clone(), executable))
    }

    /// Says how many rows fit, where a batch has other ones than the model's constants are for.
    fn with_fitting_rows(&self, error: Error, rows: usize) -> Error {
        match self.network.rows.filter(|&fitting| fitting != rows) {
            None => error,
            Some(fitting) => error.hint(format!(
                "give {fitting} rows at a time, as the model's constants or operations are made for, \
                 instead of {rows}"
            )),
        }
    }

    /// Runs an executable on one batch.
    pub(crate) fn run_batch(&mut self, id: ExecutableId, feeds: &[Feed<'_>]) -> Result<()> {
        let states = self.states.as_mut().ok_or_else(not_built)?;
        self.executables.get(id)?.run(&mut *states.store, feeds)
    }

    /// Builds the graph of a step and gives it to the device; names the weights that a training
    /// step leaves alone because no derivative reaches them.
    ///
    /// The graph's inputs are the model's inputs, then the targets of the outputs that have one,
    /// then the sample weights of those that have any. Only predictions have outputs: the rest of
    /// what happens is in the states.
    fn trace(&self, key: &ExecutableKey) -> Result<(Box<dyn Executable>, Vec<String>)> {
        let graph = Graph::new();
        let input = |(spec, row): (&InputSpec, &Shape)| Masked {
            node: graph.input(&spec.name, batch(key.rows, row), spec.dtype),
            mask: None,
        };
        let inputs = self.network.inputs.iter().zip(&key.inputs).map(input).collect();
        let weights = self.weight_nodes(&graph)?;
        let step = Step { model: self, graph: &graph, rows: key.rows, inputs, weights };
        let (mut outputs, mut unreached) = (Vec::new(), Vec::new());
        match (key.mode, &self.compiled) {
            (Mode::Predict, _) => outputs = step.predict()?,
            (Mode::Evaluate, Some(compiled)) => step.evaluate(compiled, key)?,
            (Mode::Train, Some(compiled)) => unreached = step.train(compiled, key)?,
            (_, None) => return Err(not_built()),
        }
        graph.check()?;
        let options = CompileOptions {
            label: format!("{} {} rows", key.mode.name(), key.rows),
            measure: self.measure,
            ..CompileOptions::default()
        };
        Ok((self.device.compile(&graph, &outputs, &options)?, unreached))
    }
}

/// So many rows of this shape.
fn batch(rows: usize, row: &Shape) -> Shape {
    std::iter::once(rows).chain(row.iter().copied()).collect()
}

/// A step under construction.
struct Step<'a, 'g> {
    model: &'a Model,
    graph: &'g Graph,
    rows: usize,
    inputs: Vec<Masked<'g>>,
    /// Those of the network, in its order.
    weights: Vec<Node<'g>>,
}

/// What a step is given beside the inputs, for each output.
struct Fed<'g> {
    targets: Vec<Option<Node<'g>>>,
    sample_weights: Vec<Option<Node<'g>>>,
}

impl<'g> Step<'_, 'g> {
    /// Forward alone; the outputs.
    fn predict(&self) -> Result<Vec<NodeId>> {
        let forward = self.forward(false, None)?;
        self.keep_updates(&forward, &[]);
        Ok(forward.outputs.iter().map(|node| node.id()).collect())
    }

    /// Forward, loss and metrics.
    fn evaluate(&self, compiled: &Compiled, key: &ExecutableKey) -> Result<()> {
        let (trackers, optimizer) = parts(compiled)?;
        let fed = self.fed(trackers, key);
        let forward = self.forward(false, None)?;
        let loss = self.loss(trackers, &fed, &forward)?;
        let loss = self.with_penalties(loss, optimizer, &forward)?;
        self.keep_updates(&forward, &[]);
        self.track(trackers, loss, &fed, &forward, true)
    }

    /// Forward, loss, backward, update; metrics of the outputs before the update. Names the weights
    /// that no derivative reaches.
    fn train(&self, compiled: &Compiled, key: &ExecutableKey) -> Result<Vec<String>> {
        let (trackers, optimizer) = parts(compiled)?;
        let fed = self.fed(trackers, key);
        let random = compiled.key.map(|id| self.random_key(id));
        let forward = self.forward(true, random)?;
        let loss = self.loss(trackers, &fed, &forward)?;
        let loss = self.with_penalties(loss, optimizer, &forward)?;
        if loss.ndim() > 0 {
            let what = format!("the loss is no single number, but of shape {}", loss.shape());
            return Err(Error::new(ErrorKind::Argument, what)
                .expected("a loss with a reduction, such as sum_over_batch_size")
                .hint("a loss with reduction=None can be evaluated, but not trained with"));
        }
        let unreached = self.update_weights(loss, optimizer, &forward)?;
        self.advance(random)?;
        // Keras on JAX loses the masks of predictions where it differentiates.
        self.track(trackers, loss, &fed, &forward, false)?;
        // What only an output without a loss reads is not expected to learn.
        let has_all_losses = trackers.outputs.iter().all(|output| output.loss.is_some());
        Ok(if has_all_losses { unreached } else { Vec::new() })
    }

    /// The inputs of the graph beside the model's.
    fn fed(&self, trackers: &Trackers, key: &ExecutableKey) -> Fed<'g> {
        let name = |what: &str, output: &OutputTrackers| match trackers.outputs.len() {
            1 => what.to_string(),
            _ => format!("{what} {}", output.name),
        };
        let outputs = || trackers.outputs.iter().enumerate();
        let given =
            |what: &str, (at, output): (usize, &OutputTrackers), rows: &[Option<Shape>], dtype| {
                let row = rows.get(at)?.as_ref()?;
                Some(self.graph.input(&name(what, output), batch(self.rows, row), dtype))
            };
        let target =
            |of: (usize, &OutputTrackers)| given("y_true", of, &key.targets, of.1.target_dtype());
        let weight = |of| given("sample_weight", of, &key.weights, DType::F32);
        let targets = outputs().map(target).collect();
        Fed { targets, sample_weights: outputs().map(weight).collect() }
    }

    fn forward(&self, training: bool, random: Option<Node<'g>>) -> Result<Forward<'g>> {
        let pass = Pass { training, trainable: true, key: random, is_part: false };
        self.model.network.forward(&self.inputs, &self.weights, pass)
    }

    /// The sum of the outputs' losses, each times its weight; each is tracked alone where there
    /// are several.
    fn loss(&self, trackers: &Trackers, fed: &Fed<'g>, forward: &Forward<'g>) -> Result<Node<'g>> {
        let mut total: Option<Node<'g>> = None;
        for (at, output) in trackers.outputs.iter().enumerate() {
            let (Some(loss), Some(y_true)) = (&output.loss, fed.targets[at]) else { continue };
            let (y_pred, mask) = (forward.outputs[at], forward.masks[at]);
            let value = losses::compute(&**loss, y_true, y_pred, fed.sample_weights[at], mask)?;
            if let Some(mean) = output.own_loss {
                self.track_mean(mean, &format!("{}_loss", output.name), value);
            }
            let value = output.loss_weight.map_or(value, |weight| value * weight);
            total = Some(total.map_or(value, |total| total + value));
        }
        self.graph.check()?;
        // Without a loss there may be penalties of layers alone.
        Ok(total.unwrap_or_else(|| self.graph.constant(0.0)))
    }

    /// The loss with the penalties of layers and of trained weights.
    fn with_penalties(
        &self,
        loss: Node<'g>,
        optimizer: &OptimizerStates,
        forward: &Forward<'g>,
    ) -> Result<Node<'g>> {
        let network = &self.model.network;
        let mut total = loss;
        for &penalty in &forward.losses {
            total = total + penalty.sum_all();
        }
        for &place in &optimizer.trained {
            let entry = &network.weights[place];
            if let Some(regularizer) = &entry.weight.regularizer {
                let origin = network.layers[entry.layer].origin();
                // Keras penalizes what the layer made of its weight, as a kernel by its norm.
                let update = forward.updates.iter().rev().find(|(updated, _)| *updated == place);
                let weight = update.map_or(self.weights[place], |(_, value)| *value);
                let penalty = self.graph.scope(origin, || regularizer.penalty(weight));
                total = total + penalty;
            }
        }
        Ok(total)
    }

    /// Backward, and the optimizer's update; then what layers set themselves. Names the weights
    /// that no derivative reaches: for the optimizer theirs is zero.
    fn update_weights(
        &self,
        loss: Node<'g>,
        optimizer: &OptimizerStates,
        forward: &Forward<'g>,
    ) -> Result<Vec<String>> {
        let (weights, trained) = (&self.model.network.weights, &optimizer.trained);
        let variables: Vec<Node<'g>> = trained.iter().map(|&place| self.weights[place]).collect();
        let states = optimizer.nodes(self.graph);
        let loss = optimizer.updater.scale_loss(&states, loss);
        let mut gradients = grad_where_connected(loss, &variables)?;
        let mut unreached = Vec::new();
        for ((gradient, variable), &place) in gradients.iter_mut().zip(&variables).zip(trained) {
            gradient.get_or_insert_with(|| {
                unreached.push(format!("`{}`", weights[place].path));
                self.graph.full(variable.shape(), 0.0)
            });
        }
        let next = optimizer.updater.apply(&states, &variables, &gradients);
        self.graph.check()?;
        for ((before, updated), &place) in variables.into_iter().zip(next.variables).zip(trained) {
            let constraint = &weights[place].weight.constraint;
            let after = constraint.as_ref().map_or(updated, |constraint| constraint.call(updated));
            self.graph.assign(before, after);
        }
        for (before, after) in states.into_iter().zip(next.states) {
            self.graph.assign(before, after);
        }
        self.keep_updates(forward, trained);
        Ok(unreached)
    }

    /// What layers make of their weights themselves, such as moving averages, but for the weights
    /// that are trained.
    fn keep_updates(&self, forward: &Forward<'g>, trained: &[usize]) {
        for &(place, value) in &forward.updates {
            if !trained.contains(&place) {
                self.graph.assign(self.weights[place], value);
            }
        }
    }

    /// `[seed low, seed high, step low, step high]`.
    fn random_key(&self, id: StateId) -> Node<'g> {
        self.graph.state(id, "random_key", [4], DType::I32)
    }

    /// One step further in the random numbers, when the step drew any.
    fn advance(&self, key: Option<Node<'g>>) -> Result<()> {
        let Some(key) = key else { return Ok(()) };
        let is_used = self.graph.nodes().iter().any(|node| node.inputs.contains(&key.id()));
        if is_used {
            // The carry goes from the low to the high word, when the low one is all ones.
            let next = self.graph.literal(Tensor::new([4], [0, 0, 1, 0])?);
            let carried = self.graph.literal(Tensor::new([4], [0, 0, 1, 1])?);
            let low_is_full = key.slice(0, 2, 3).equal(-1.0).broadcast_to([4]);
            self.graph.assign(key, key + low_is_full.select(carried, next));
        }
        Ok(())
    }

    /// Loss and metrics so far, this batch included; `masked` where masks of predictions count.
    fn track(
        &self,
        trackers: &Trackers,
        loss: Node<'g>,
        fed: &Fed<'g>,
        forward: &Forward<'g>,
        masked: bool,
    ) -> Result<()> {
        self.track_mean(trackers.loss, "loss", loss);
        for (at, output) in trackers.outputs.iter().enumerate() {
            if let Some(y_true) = fed.targets[at] {
                let mask = forward.masks[at].filter(|_| masked);
                let y_pred = Masked { node: forward.outputs[at], mask };
                self.track_metrics(output, y_true, y_pred, fed.sample_weights[at])?;
            }
        }
        Ok(())
    }

    /// The running mean of a loss: each batch counts for its rows, as in Keras.
    fn track_mean(&self, mean: MeanStates, name: &str, value: Node<'g>) {
        let scalar = |id, what| self.graph.state(id, &format!("{name}_{what}"), [], DType::F32);
        let (total, rows) = (scalar(mean.total, "total"), scalar(mean.rows, "rows"));
        // A loss that is not reduced is reported as its mean.
        let value = if value.ndim() > 0 { value.mean_all() } else { value };
        self.graph.assign(total, total + value * self.rows as f32);
        self.graph.assign(rows, rows + self.rows as f32);
    }

    fn track_metrics(
        &self,
        output: &OutputTrackers,
        y_true: Node<'g>,
        y_pred: Masked<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Result<()> {
        let mask = y_pred.mask.filter(|mask| mask.ndim() < y_pred.node.ndim());
        // Nothing of a metric may leak into the derivative.
        let y_pred = y_pred.node.stop_gradient();
        for tracked in &output.metrics {
            let metric = &tracked.metric;
            let variables: Vec<Node<'g>> = tracked
                .declared
                .iter()
                .zip(&tracked.variables)
                .map(|(variable, &id)| {
                    let name = format!("{}/{}", tracked.name, variable.name);
                    self.graph.state(id, &name, &variable.shape, variable.dtype)
                })
                .collect();
            let weight = sample_weight.filter(|_| tracked.is_weighted);
            let weight = match mask.filter(|_| metric.heeds_masks()) {
                Some(mask) => Some(masked_weight(mask, weight)),
                None => weight,
            };
            let (y_true, y_pred) = losses::align(metric.targets(), y_true, y_pred)
                .map_err(|error| error.context(format!("metric `{}`", tracked.name)))?;
            let next = metric.update(&variables, y_true, y_pred, weight);
            self.graph.check().map_err(|e| e.context(format!("metric `{}`", tracked.name)))?;
            for (variable, value) in variables.into_iter().zip(next) {
                self.graph.assign(variable, value);
            }
        }
        Ok(())
    }
}

/// Trackers and optimizer of a model that is ready to be trained.
fn parts(compiled: &Compiled) -> Result<(&Trackers, &OptimizerStates)> {
    let trackers = compiled.trackers.as_ref().ok_or_else(not_built)?;
    Ok((trackers, compiled.optimizer_states.as_ref().ok_or_else(not_built)?))
}

/// How much each step counts: nothing where it is masked, else as its sample does.
fn masked_weight<'g>(mask: Node<'g>, weight: Option<Node<'g>>) -> Node<'g> {
    let mask = mask.cast(DType::F32);
    let Some(weight) = weight else { return mask };
    let mut dims = weight.shape().to_vec();
    dims.resize(mask.ndim(), 1);
    mask * weight.reshape(dims)
}

/// An input of a step that feeds labels needs them as `i32`, values as `f32`.
pub(crate) fn typed_target(target: &Tensor, dtype: DType) -> Result<Tensor> {
    match dtype {
        DType::I32 => target.to_i32(),
        _ => Ok(target.to_f32()),
    }
}
