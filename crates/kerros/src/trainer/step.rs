//! The graphs of a model: one traced step of training, evaluation or prediction.

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::{Graph, Node, grad_where_connected};
use kerros_plan::{CompileOptions, Executable};

use super::optimizer_states::OptimizerStates;
use super::trackers::Trackers;
use super::{Mode, RunKey};
use crate::losses;
use crate::model::{Forward, Model, not_built};

impl Model {
    /// The place of the executable for this key, traced and compiled when it is the first.
    pub(crate) fn run_for(&mut self, key: &RunKey) -> Result<usize> {
        if let Some(index) = self.runs.find(key) {
            return Ok(index);
        }
        let executable = self.trace(key)?;
        Ok(self.runs.push(key.clone(), executable))
    }

    /// Builds the graph of a step and gives it to the device.
    ///
    /// Its inputs are the model's inputs, then the target, then the sample weights. Only
    /// predictions have outputs: the rest of what happens is in the states.
    fn trace(&self, run: &RunKey) -> Result<Box<dyn Executable>> {
        let graph = Graph::new();
        let batch = |row: &Shape| -> Shape {
            std::iter::once(run.rows).chain(row.iter().copied()).collect()
        };
        let inputs: Vec<Node<'_>> = self
            .network
            .inputs
            .iter()
            .map(|input| graph.input(&input.name, batch(&input.shape), DType::F32))
            .collect();
        let weights = self.weight_nodes(&graph)?;
        let options = CompileOptions {
            label: format!("{} {} rows", run.mode.name(), run.rows),
            measure: self.measure,
            ..CompileOptions::default()
        };
        let Some(target) = run.target.as_ref().filter(|_| run.mode != Mode::Predict) else {
            let forward = self.network.forward(&inputs, &weights, false, None)?;
            let outputs: Vec<_> = forward.outputs.iter().map(|node| node.id()).collect();
            return self.device.compile(&graph, &outputs, &options);
        };
        let compiled = self.compiled.as_ref().ok_or_else(not_built)?;
        let trackers = compiled.trackers.as_ref().ok_or_else(not_built)?;
        let own = compiled.optimizer_states.as_ref().ok_or_else(not_built)?;
        let y_true = graph.input("y_true", batch(target), trackers.target_dtype());
        let sample_weight =
            run.weights.as_ref().map(|row| graph.input("sample_weight", batch(row), DType::F32));
        let step = Traced { model: self, own, trackers, graph: &graph, rows: run.rows };
        let training = run.mode == Mode::Train;
        let key = compiled.key.filter(|_| training);
        let random = key.map(|id| graph.state(id, "random_key", [4], DType::I32));
        let forward = self.network.forward(&inputs, &weights, training, random)?;
        let y_pred = forward.outputs[0];
        let loss = losses::compute(&*trackers.loss, y_true, y_pred, sample_weight)?;
        graph.check()?;
        let loss = step.with_penalties(loss, &forward, &weights)?;
        if training {
            step.update_weights(loss, &forward, &weights)?;
            step.advance_key(random)?;
        }
        step.track_loss(loss);
        step.track_metrics(y_true, y_pred, sample_weight)?;
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
                let penalty = self.graph.scope(origin, || regularizer.penalty(weights[place]));
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
        let found = grad_where_connected(loss, &variables)?;
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
            self.graph.assign(weights[place], value);
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

    /// The running mean of the loss: each batch counts for its rows, as in Keras.
    fn track_loss(&self, loss: Node<'g>) {
        let scalar = |id, name| self.graph.state(id, name, [], DType::F32);
        let total = scalar(self.trackers.loss_total, "loss_total");
        let rows = scalar(self.trackers.loss_rows, "loss_rows");
        self.graph.assign(total, total + loss * self.rows as f32);
        self.graph.assign(rows, rows + self.rows as f32);
    }

    fn track_metrics(
        &self,
        y_true: Node<'g>,
        y_pred: Node<'g>,
        sample_weight: Option<Node<'g>>,
    ) -> Result<()> {
        // Nothing of a metric may leak into the derivative.
        let y_pred = y_pred.stop_gradient();
        for tracked in &self.trackers.metrics {
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

/// An input of a step that feeds labels needs them as `i32`, values as `f32`.
pub(crate) fn typed_target(target: &Tensor, dtype: DType) -> Result<Tensor> {
    match dtype {
        DType::I32 => target.to_i32(),
        _ => Ok(target.to_f32()),
    }
}
