//! What a compiled model keeps on the device beside weights and optimizer: loss and metric
//! totals.

use std::sync::Arc;

use kerros_core::{DType, Result, Shape, Tensor};
use kerros_graph::{StateId, Type};
use kerros_plan::StateStore;

use super::Reset;
use super::history::Metrics;
use super::objectives::distinct_names;
use crate::losses::{self, Loss, Targets};
use crate::metrics::{self, Metric, MetricVariable};
use crate::model::{Model, not_built};

/// Loss and metrics for targets of one shape.
#[derive(Debug)]
pub(crate) struct Trackers {
    /// The shape of one row of the targets they were made for.
    pub(crate) target: Shape,
    pub(crate) loss: Arc<dyn Loss>,
    pub(crate) metrics: Vec<Tracked>,
    /// The sum of batch losses, each times its rows; and the number of rows.
    pub(crate) loss_total: StateId,
    pub(crate) loss_rows: StateId,
    /// Whether the model's output was held against the loss.
    pub(crate) is_checked: bool,
    resets: Vec<Reset>,
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

impl Trackers {
    /// The element type in which targets are fed: whole numbers as soon as anything wants
    /// labels, from which the others are cast.
    pub(crate) fn target_dtype(&self) -> DType {
        let wants_labels = self.loss.targets() == Targets::Labels
            || self.metrics.iter().any(|tracked| tracked.metric.targets() == Targets::Labels);
        if wants_labels { DType::I32 } else { DType::F32 }
    }

    pub(crate) fn reset(&self, store: &mut dyn StateStore) -> Result<()> {
        self.resets.iter().try_for_each(|reset| store.write(reset.id, &reset.zero))
    }

    /// Loss and metrics so far, by name in alphabetical order.
    pub(crate) fn read(&self, store: &dyn StateStore) -> Result<Metrics> {
        let scalar = |id| store.read(id).and_then(|value| Ok(value.as_slice::<f32>()?[0]));
        let mut metrics = Metrics::default();
        let (total, rows) = (scalar(self.loss_total)?, scalar(self.loss_rows)?);
        metrics.set("loss", if rows == 0.0 { 0.0 } else { f64::from(total / rows) });
        for tracked in &self.metrics {
            let variables: Vec<Tensor> =
                tracked.variables.iter().map(|&id| store.read(id)).collect::<Result<_>>()?;
            metrics.set(&*tracked.name, tracked.metric.result(&variables));
        }
        Ok(metrics.sorted())
    }

    /// The loss so far alone: what is cheap to look at after every batch.
    pub(crate) fn read_loss(&self, store: &dyn StateStore) -> Result<f64> {
        let scalar = |id| store.read(id).and_then(|value| Ok(value.as_slice::<f32>()?[0]));
        let (total, rows) = (scalar(self.loss_total)?, scalar(self.loss_rows)?);
        Ok(if rows == 0.0 { 0.0 } else { f64::from(total / rows) })
    }
}

impl Model {
    /// Finds loss and metrics for targets whose rows have this shape, and makes their states.
    pub(crate) fn prepare_trackers(&mut self, target: &Shape) -> Result<()> {
        self.prepare_optimizer()?;
        let output = self.network.output_shapes()[0].clone();
        let with_batch =
            |row: &Shape| -> Shape { std::iter::once(0).chain(row.iter().copied()).collect() };
        let (Some(compiled), Some(states)) = (&mut self.compiled, &mut self.states) else {
            return Err(not_built());
        };
        if compiled.trackers.as_ref().is_some_and(|trackers| trackers.target == *target) {
            return Ok(());
        }
        let (y_true, y_pred) = (with_batch(target), with_batch(&output));
        let loss = losses::resolve(&compiled.loss, &y_true, &y_pred)
            .map_err(|error| error.at(&compiled.origin))?;
        let mut resolved = Vec::new();
        for (choices, is_weighted) in
            [(&compiled.metrics, false), (&compiled.weighted_metrics, true)]
        {
            for choice in choices {
                let metric = metrics::resolve(choice, &y_true, &y_pred)
                    .map_err(|error| error.at(&compiled.origin))?;
                resolved.push((metric, is_weighted));
            }
        }
        let names =
            resolved.iter().map(|(m, weighted)| (m.name().to_string(), *weighted)).collect();
        let mut resets = Vec::new();
        let mut declare = |shape: &Shape, dtype| {
            let id = states.store.declare(&Type::new(dtype, shape));
            resets.push(Reset { id, zero: Tensor::zeros(shape, dtype) });
            id
        };
        let mut scalar = || declare(&Shape::scalar(), DType::F32);
        let (loss_total, loss_rows) = (scalar(), scalar());
        let mut metrics = Vec::new();
        for (name, (metric, is_weighted)) in distinct_names(names).into_iter().zip(resolved) {
            let declared = metric
                .variables(&y_pred)
                .map_err(|error| error.context(format!("metric `{name}`")).at(&compiled.origin))?;
            let variables = declared.iter().map(|v| declare(&v.shape, v.dtype)).collect();
            metrics.push(Tracked { name, metric, declared, variables, is_weighted });
        }
        let target = target.clone();
        compiled.trackers = Some(Trackers {
            target,
            loss,
            metrics,
            loss_total,
            loss_rows,
            is_checked: false,
            resets,
        });
        Ok(())
    }
}
