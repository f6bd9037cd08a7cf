//! What a compiled model keeps on the device beside weights and optimizer: loss and metric
//! totals.

use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::{StateId, Type};
use kerros_plan::StateStore;

use super::Reset;
use super::history::Metrics;
use super::objectives::distinct_names;
use crate::losses::{self, Loss, Targets};
use crate::metrics::{self, Metric, MetricVariable};
use crate::model::{Model, not_built};
use crate::object::Choice;

/// Loss and metrics for targets of some shapes.
#[derive(Debug)]
pub(crate) struct Trackers {
    /// The shape of one row of each output's target they were made for.
    targets: Vec<Option<Shape>>,
    pub(crate) outputs: Vec<OutputTrackers>,
    /// The running mean of the whole loss.
    pub(crate) loss: MeanStates,
    /// Whether the model's outputs were held against their losses.
    pub(crate) is_checked: bool,
    resets: Vec<Reset>,
}

/// Loss and metrics of one output.
#[derive(Debug)]
pub(crate) struct OutputTrackers {
    /// The output's name.
    pub(crate) name: String,
    /// What stands before `_loss` where this loss is reported alone: the output's name, or the
    /// loss's, where outputs have none.
    loss_name: String,
    pub(crate) loss: Option<Arc<dyn Loss>>,
    pub(crate) loss_weight: Option<f32>,
    /// The running mean of this loss alone, where there are several.
    pub(crate) own_loss: Option<MeanStates>,
    pub(crate) metrics: Vec<Tracked>,
}

/// The sum of batch losses, each times its rows; and the number of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeanStates {
    pub(crate) total: StateId,
    pub(crate) rows: StateId,
}

/// A metric with its states.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) name: String,
    pub(crate) metric: Arc<dyn Metric>,
    pub(crate) declared: Vec<MetricVariable>,
    pub(crate) variables: Vec<StateId>,
    pub(crate) is_weighted: bool,
}

impl OutputTrackers {
    /// The element type in which targets are fed: whole numbers as soon as anything wants
    /// labels, from which the others are cast.
    pub(crate) fn target_dtype(&self) -> DType {
        let loss = self.loss.iter().map(|loss| loss.targets());
        let metrics = self.metrics.iter().map(|tracked| tracked.metric.targets());
        match loss.chain(metrics).any(|targets| targets == Targets::Labels) {
            true => DType::I32,
            false => DType::F32,
        }
    }
}

impl MeanStates {
    fn read(self, store: &dyn StateStore) -> Result<f64> {
        let scalar = |id| store.read(id).and_then(|value| Ok(value.as_slice::<f32>()?[0]));
        let (total, rows) = (scalar(self.total)?, scalar(self.rows)?);
        Ok(if rows == 0.0 { 0.0 } else { f64::from(total / rows) })
    }
}

impl Trackers {
    /// All metrics, in the order in which they were given: weighted ones last.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = &Tracked> {
        self.outputs.iter().flat_map(|output| &output.metrics)
    }

    pub(crate) fn reset(&self, store: &mut dyn StateStore) -> Result<()> {
        self.resets.iter().try_for_each(|reset| store.write(reset.id, &reset.zero))
    }

    /// The states of loss and metrics, in the order in which they were declared.
    pub(crate) fn states(&self, store: &dyn StateStore) -> Result<Vec<Tensor>> {
        self.resets.iter().map(|reset| store.read(reset.id)).collect()
    }

    /// Sets what [`Trackers::states`] gave.
    ///
    /// # Errors
    /// [`ErrorKind::Shape`] when they are those of other metrics: nothing is set then.
    pub(crate) fn set_states(&self, store: &mut dyn StateStore, values: &[Tensor]) -> Result<()> {
        let is_same = values.len() == self.resets.len()
            && self.resets.iter().zip(values).all(|(reset, value)| {
                (reset.zero.shape(), reset.zero.dtype()) == (value.shape(), value.dtype())
            });
        if !is_same {
            return Err(Error::new(ErrorKind::Shape, "these are states of other metrics"));
        }
        self.resets.iter().zip(values).try_for_each(|(reset, value)| store.write(reset.id, value))
    }

    /// Loss and metrics so far, by name in alphabetical order.
    pub(crate) fn read(&self, store: &dyn StateStore) -> Result<Metrics> {
        let mut metrics = Metrics::default();
        metrics.set("loss", self.loss.read(store)?);
        for output in &self.outputs {
            if let Some(own) = output.own_loss {
                metrics.set(format!("{}_loss", output.loss_name), own.read(store)?);
            }
        }
        for tracked in self.metrics() {
            let variables: Vec<Tensor> =
                tracked.variables.iter().map(|&id| store.read(id)).collect::<Result<_>>()?;
            metrics.set(&*tracked.name, tracked.metric.result(&variables));
        }
        Ok(metrics.sorted())
    }

    /// The loss so far alone: what is cheap to look at after every batch.
    pub(crate) fn read_loss(&self, store: &dyn StateStore) -> Result<f64> {
        self.loss.read(store)
    }
}

impl Model {
    /// Finds losses and metrics for inputs and targets whose rows have these shapes, and makes
    /// their states. Targets are one per output; `None` for outputs without.
    pub(crate) fn prepare_trackers(
        &mut self,
        inputs: &[Shape],
        targets: &[Option<Shape>],
    ) -> Result<()> {
        self.prepare_optimizer()?;
        let known = self.compiled.as_ref().and_then(|compiled| compiled.trackers.as_ref());
        if known.is_some_and(|trackers| trackers.targets == targets) {
            return Ok(());
        }
        let predictions = self.network.output_rows(inputs)?;
        let names = self.network.output_names();
        let (Some(compiled), Some(states)) = (&mut self.compiled, &mut self.states) else {
            return Err(not_built());
        };
        let here = |error: Error| error.at(&compiled.origin);
        let mut losses = compiled.loss.assign(&names, "losses").map_err(here)?;
        let weights = compiled.loss_weights.as_ref();
        let weights = weights.map(|weights| weights.assign(&names, "loss weights"));
        let weights = weights.transpose().map_err(here)?.unwrap_or(vec![None; names.len()]);
        let plain = compiled.metrics.lists(&names).map_err(here)?;
        let weighted = compiled.weighted_metrics.lists(&names).map_err(here)?;
        let with_batch =
            |row: &Shape| -> Shape { std::iter::once(0).chain(row.iter().copied()).collect() };
        let mut outputs = Vec::new();
        let mut reported = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let Some(target) = &targets[at] else {
                if losses[at].take().is_some() {
                    return Err(here(
                        Error::new(ErrorKind::Data, format!("the output `{name}` has no target"))
                            .expected("a target for each output that has a loss"),
                    ));
                }
                outputs.push((None, Vec::new()));
                continue;
            };
            let (y_true, y_pred) = (with_batch(target), with_batch(&predictions[at]));
            let loss = losses[at].as_ref().map(|loss| losses::resolve(loss, &y_true, &y_pred));
            let loss = loss.transpose().map_err(here)?;
            let mut resolved = Vec::new();
            for (choices, is_weighted) in [(&plain[at], false), (&weighted[at], true)] {
                for choice in choices {
                    let metric = metrics::resolve(choice, &y_true, &y_pred).map_err(here)?;
                    reported.push((at, metric.name().to_string(), is_weighted));
                    resolved.push((metric, is_weighted, y_pred.clone()));
                }
            }
            outputs.push((loss, resolved));
        }
        // The outputs of a chain have no names in Keras: what is reported goes by its own.
        let is_named = self.network.is_functional;
        let prefix = names.len() > 1 && is_named;
        let mut distinct = report_names(&names, &reported, prefix);
        let mut resets = Vec::new();
        let mut declare = |shape: &Shape, dtype| {
            let id = states.store.declare(&Type::new(dtype, shape));
            resets.push(Reset { id, zero: Tensor::zeros(shape, dtype) });
            id
        };
        let mean = |declare: &mut dyn FnMut(&Shape, DType) -> StateId| MeanStates {
            total: declare(&Shape::scalar(), DType::F32),
            rows: declare(&Shape::scalar(), DType::F32),
        };
        let loss = mean(&mut declare);
        let several = outputs.iter().filter(|(loss, _)| loss.is_some()).count() > 1;
        let mut made = Vec::new();
        for (at, (loss, resolved)) in outputs.into_iter().enumerate() {
            let own_loss = match &loss {
                Some(_) if several => Some(mean(&mut declare)),
                _ => None,
            };
            let mut metrics = Vec::new();
            for (metric, is_weighted, y_pred) in resolved {
                let name = distinct.remove(0);
                let declared = metric
                    .variables(&y_pred)
                    .map_err(|error| here(error.context(format!("metric `{name}`"))))?;
                let variables = declared.iter().map(|v| declare(&v.shape, v.dtype)).collect();
                metrics.push(Tracked { name, metric, declared, variables, is_weighted });
            }
            let name = names[at].clone();
            let loss_name = match (&losses[at], &loss) {
                _ if is_named => name.clone(),
                (Some(Choice::Name(word)), _) => word.clone(),
                (_, Some(loss)) => loss.name().to_string(),
                _ => name.clone(),
            };
            made.push(OutputTrackers {
                name,
                loss_name,
                loss,
                loss_weight: weights[at],
                own_loss,
                metrics,
            });
        }
        compiled.trackers = Some(Trackers {
            targets: targets.to_vec(),
            outputs: made,
            loss,
            is_checked: false,
            resets,
        });
        Ok(())
    }
}

/// The names by which metrics are reported, in the order given: that of the output in front
/// where there are several outputs. Unweighted ones of all outputs take names first, as in
/// Keras.
fn report_names(
    outputs: &[String],
    metrics: &[(usize, String, bool)],
    prefix: bool,
) -> Vec<String> {
    let mut order: Vec<usize> = (0..metrics.len()).collect();
    order.sort_by_key(|&at| metrics[at].2);
    let output = |at: usize| prefix.then(|| outputs[metrics[at].0].clone());
    let ordered = order.iter().map(|&at| (output(at), metrics[at].1.clone(), metrics[at].2));
    let mut names = vec![String::new(); metrics.len()];
    for (&at, name) in order.iter().zip(distinct_names(ordered.collect())) {
        names[at] = name;
    }
    names
}
