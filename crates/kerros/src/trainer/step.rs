//! The graphs of a model: one traced step of training, evaluation or prediction.

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::{Graph, Node, grad_where_connected};
use kerros_plan::{CompileOptions, Executable};

use super::optimizer_states::OptimizerStates;
use super::trackers::{MeanStates, OutputTrackers, Trackers};
use super::{Mode, RunKey};
use crate::losses;
use crate::model::{Forward, InputSpec, Masked, Model, Run, not_built};

impl Model {
    /// The place of the executable for this key, traced and compiled when it is the first.
    pub(crate) fn run_for(&mut self, key: &RunKey) -> Result<usize> {
        if let Some(index) = self.runs.find(key) {
            return Ok(index);
        }
        let executable =
            self.trace(key).map_err(|error| self.with_fitting_rows(error, key.rows))?;
        Ok(self.runs.push(key.clone(), executable))
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

    /// Builds the graph of a step and gives it to the device.
    ///
    /// Its inputs are the model's inputs, then the targets of the outputs that have one, then
    /// the sample weights of those that have any. Only predictions have outputs: the rest of
    /// what happens is in the states.
    fn trace(&self, run: &RunKey) -> Result<Box<dyn Executable>> {
        let graph = Graph::new();
        let batch = |row: &Shape| -> Shape {
            std::iter::once(run.rows).chain(row.iter().copied()).collect()
        };
        let input = |(spec, row): (&InputSpec, &Shape)| Masked {
            node: graph.input(&spec.name, batch(row), spec.dtype),
            mask: None,
        };
        let inputs: Vec<Masked<'_>> =
            self.network.inputs.iter().zip(&run.inputs).map(input).collect();
        let weights = self.weight_nodes(&graph)?;
        let options = CompileOptions {
            label: format!("{} {} rows", run.mode.name(), run.rows),
            measure: self.measure,
            ..CompileOptions::default()
        };
        if run.mode == Mode::Predict {
            let how = Run { training: false, trainable: true, key: None, is_part: false };
            let forward = self.network.forward(&inputs, &weights, how)?;
            for &(place, value) in &forward.updates {
                graph.assign(weights[place], value);
            }
            let outputs: Vec<_> = forward.outputs.iter().map(|node| node.id()).collect();
            return self.device.compile(&graph, &outputs, &options);
        }
        let compiled = self.compiled.as_ref().ok_or_else(not_built)?;
        let trackers = compiled.trackers.as_ref().ok_or_else(not_built)?;
        let own = compiled.optimizer_states.as_ref().ok_or_else(not_built)?;
        let name = |what: &str, output: &OutputTrackers| match trackers.outputs.len() {
            1 => what.to_string(),
            _ => format!("{what} {}", output.name),
        };
        let outputs = || trackers.outputs.iter().enumerate();
        let targets: Vec<Option<Node<'_>>> = outputs()
            .map(|(at, output)| {
                let row = run.targets.get(at)?.as_ref()?;
                Some(graph.input(&name("y_true", output), batch(row), output.target_dtype()))
            })
            .collect();
        let sample_weights: Vec<Option<Node<'_>>> = outputs()
            .map(|(at, output)| {
                let row = run.weights.get(at)?.as_ref()?;
                Some(graph.input(&name("sample_weight", output), batch(row), DType::F32))
            })
            .collect();
        let step = Traced { model: self, own, trackers, graph: &graph, rows: run.rows };
        let training = run.mode == Mode::Train;
        let key = compiled.key.filter(|_| training);
        let random = key.map(|id| graph.state(id, "random_key", [4], DType::I32));
        let how = Run { training, trainable: true, key: random, is_part: false };
        let forward = self.network.forward(&inputs, &weights, how)?;
        let loss = step.loss(&targets, &sample_weights, &forward)?;
        graph.check()?;
        let loss = step.with_penalties(loss, &forward, &weights)?;
        if training && loss.ndim() > 0 {
            let what = format!("the loss is no single number, but of shape {}", loss.shape());
            return Err(Error::new(ErrorKind::Argument, what)
                .expected("a loss with a reduction, such as sum_over_batch_size")
                .hint("a loss with reduction=None can be evaluated, but not trained with"));
        }
        if training {
            step.update_weights(loss, &forward, &weights)?;
            step.advance_key(random)?;
        } else {
            for &(place, value) in &forward.updates {
                graph.assign(weights[place], value);
            }
        }
        step.track(trackers.loss, "loss", loss);
        for (at, output) in outputs() {
            if let Some(y_true) = targets[at] {
                // Keras on JAX loses the masks of predictions where it differentiates.
                let mask = forward.masks[at].filter(|_| !training);
                let y_pred = Masked { node: forward.outputs[at], mask };
                step.track_metrics(output, y_true, y_pred, sample_weights[at])?;
            }
        }
        graph.check()?;
        self.device.compile(&graph, &[], &options)
    }
}

/// A step under construction.
struct Traced<'a, 'g> {
    model: &'a Model,
    own: &'a OptimizerStates,
    trackers: &'a Trackers,
    graph: &'g Graph,
    rows: usize,
}

impl<'g> Traced<'_, 'g> {
    /// The sum of the outputs' losses, each times its weight; each is tracked alone where there
    /// are several.
    fn loss(
        &self,
        targets: &[Option<Node<'g>>],
        sample_weights: &[Option<Node<'g>>],
        forward: &Forward<'g>,
    ) -> Result<Node<'g>> {
        let mut total: Option<Node<'g>> = None;
        for (at, output) in self.trackers.outputs.iter().enumerate() {
            let (Some(loss), Some(y_true)) = (&output.loss, targets[at]) else { continue };
            let (y_pred, mask) = (forward.outputs[at], forward.masks[at]);
            let value = losses::compute(&**loss, y_true, y_pred, sample_weights[at], mask)?;
            if let Some(own) = output.own_loss {
                self.track(own, &format!("{}_loss", output.name), value);
            }
            let value = output.loss_weight.map_or(value, |weight| value * weight);
            total = Some(total.map_or(value, |total| total + value));
        }
        // Without a loss there may be penalties of layers alone.
        Ok(total.unwrap_or_else(|| self.graph.constant(0.0)))
    }

    /// The loss with the penalties of layers and of trained weights.
    fn with_penalties(
        &self,
        loss: Node<'g>,
        forward: &Forward<'g>,
        weights: &[Node<'g>],
    ) -> Result<Node<'g>> {
        let network = &self.model.network;
        let mut total = loss;
        for &penalty in &forward.losses {
            total = total + penalty.sum_all();
        }
        for &place in &self.own.trained {
            let entry = &network.weights[place];
            if let Some(regularizer) = &entry.weight.regularizer {
                let origin = network.layers[entry.layer].origin();
                // Keras penalizes what the layer made of its weight, as a kernel by its norm.
                let update = forward.updates.iter().rev().find(|(updated, _)| *updated == place);
                let weight = update.map_or(weights[place], |(_, value)| *value);
                let penalty = self.graph.scope(origin, || regularizer.penalty(weight));
                total = total + penalty;
            }
        }
        Ok(total)
    }

    /// Backward, and the optimizer's update; then what layers set themselves.
    fn update_weights(
        &self,
        loss: Node<'g>,
        forward: &Forward<'g>,
        weights: &[Node<'g>],
    ) -> Result<()> {
        let network = &self.model.network;
        let trained = &self.own.trained;
        let variables: Vec<Node<'g>> = trained.iter().map(|&place| weights[place]).collect();
        let states = self.own.nodes(self.graph);
        let loss = self.own.updater.scale_loss(&states, loss);
        let mut found = grad_where_connected(loss, &variables)?;
        // What only an output without a loss reads stays as it is, as far as the optimizer lets it.
        if self.trackers.outputs.iter().any(|output| output.loss.is_none()) {
            for (gradient, variable) in found.iter_mut().zip(&variables) {
                gradient.get_or_insert_with(|| self.graph.full(variable.shape(), 0.0));
            }
        }
        for (gradient, &place) in found.iter().zip(trained) {
            if gradient.is_none() {
                let entry = &network.weights[place];
                return Err(Error::new(
                    ErrorKind::Gradient,
                    format!("the loss does not depend on the weight `{}`", entry.path),
                )
                .expected("a differentiable path from every trained weight to the loss")
                .at(&network.layers[entry.layer].origin())
                .hint(format!(
                    "freeze it: model.set_trainable(\"{}\", false), then compile again",
                    network.layers[entry.layer].name
                )));
            }
        }
        let next = self.own.updater.apply(&states, &variables, &found);
        self.graph.check()?;
        let obeying = next.variables.into_iter().zip(trained).map(|(value, &place)| {
            let constraint = &network.weights[place].weight.constraint;
            constraint.as_ref().map_or(value, |constraint| constraint.call(value))
        });
        let moved: Vec<_> = variables.into_iter().zip(obeying).collect();
        for (before, after) in moved.into_iter().chain(states.into_iter().zip(next.states)) {
            self.graph.assign(before, after);
        }
        for &(place, value) in &forward.updates {
            if !trained.contains(&place) {
                self.graph.assign(weights[place], value);
            }
        }
        Ok(())
    }

    /// One step further in the random numbers, when the step drew any.
    fn advance_key(&self, key: Option<Node<'g>>) -> Result<()> {
        let Some(key) = key else { return Ok(()) };
        let is_used = self.graph.nodes().iter().any(|node| node.inputs.contains(&key.id()));
        if is_used {
            // [seed, seed, step low, step high]: the carry goes from the low to the high word,
            // when the low one is all ones.
            let next = self.graph.literal(Tensor::new([4], [0, 0, 1, 0])?);
            let carried = self.graph.literal(Tensor::new([4], [0, 0, 1, 1])?);
            let is_full = key.slice(0, 2, 3).equal(-1.0).broadcast_to([4]);
            self.graph.assign(key, key + is_full.select(carried, next));
        }
        Ok(())
    }

    /// The running mean of a loss: each batch counts for its rows, as in Keras.
    fn track(&self, mean: MeanStates, name: &str, value: Node<'g>) {
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
