//! Data ready to be fed: checked, and in the types that the graphs take.

use std::collections::BTreeMap;

use kerros_core::{DType, Error, Result, Shape, Tensor};
use kerros_data::{Batch, Samples};
use kerros_plan::Feed;

use super::step::typed_target;
use super::{Mode, RunKey, checks};
use crate::model::{Model, not_built};

/// Inputs, target and weights of a run, row by row.
#[derive(Debug)]
pub(crate) struct Arrays {
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) target: Tensor,
    pub(crate) weights: Option<Tensor>,
    pub(crate) rows: usize,
}

impl Arrays {
    /// The key of the executable for batches of so many rows.
    pub(crate) fn key(&self, mode: Mode, rows: usize) -> RunKey {
        RunKey {
            mode,
            rows,
            target: Some(row_shape(&self.target)),
            weights: self.weights.as_ref().map(row_shape),
        }
    }

    /// Multiplies the weight of each row by that of its class.
    pub(crate) fn weigh_classes(
        &mut self,
        samples: &Samples,
        classes: &BTreeMap<i64, f32>,
    ) -> Result<()> {
        let of_row = kerros_data::class_weights(&samples.targets[0], classes)?;
        let Some(weights) = &mut self.weights else {
            self.weights = Some(of_row);
            return Ok(());
        };
        let per_row = weights.num_elements() / self.rows;
        let factors = of_row.as_slice::<f32>()?;
        for (at, weight) in weights.as_mut_slice::<f32>()?.iter_mut().enumerate() {
            *weight *= factors[at / per_row];
        }
        Ok(())
    }

    /// The feeds of a batch, in the order of the graph's inputs.
    pub(crate) fn feeds<'a>(&'a self, batch: Batch<'a>, feeds: &mut Vec<Feed<'a>>) {
        feeds.clear();
        let arrays = self.inputs.iter().chain([&self.target]).chain(&self.weights);
        feeds.extend(arrays.map(|tensor| match &batch {
            Batch::Range(rows) => Feed::From { tensor, start: rows.start as usize },
            Batch::Rows(rows) => Feed::Rows { tensor, rows },
        }));
    }
}

/// The shape of one row.
pub(crate) fn row_shape(tensor: &Tensor) -> Shape {
    Shape::from(tensor.shape().get(1..).unwrap_or_default())
}

/// The shape of one row of a model that is made for these data: single numbers are rows of one.
pub(crate) fn data_row_shape(tensor: &Tensor) -> Shape {
    match tensor.shape().ndim() {
        0 | 1 => Shape::from([1]),
        _ => row_shape(tensor),
    }
}

impl Model {
    /// Checks samples and brings them into the types that the graphs take; builds the model
    /// from their shape when it is not built.
    pub(crate) fn arrays(&mut self, samples: &Samples, what: &str) -> Result<Arrays> {
        self.compiled()?;
        samples.check().map_err(|error| error.context(what))?;
        checks::has_target(samples).map_err(|error| error.context(what))?;
        self.build_with(&samples.inputs.iter().map(data_row_shape).collect::<Vec<_>>())?;
        let inputs =
            checks::inputs(&self.network, &samples.inputs).map_err(|error| error.context(what))?;
        for (at, input) in inputs.iter().enumerate() {
            checks::finite(&format!("input {at}"), input).map_err(|error| error.context(what))?;
        }
        let target = &samples.targets[0];
        checks::finite("the target", target).map_err(|error| error.context(what))?;
        self.prepare_trackers(&row_shape(target))?;
        let output = self.network.output_shapes()[0].clone();
        let trackers = self.compiled()?.trackers.as_mut().ok_or_else(not_built)?;
        let (loss, dtype) = (trackers.loss.clone(), trackers.target_dtype());
        let is_checked = std::mem::replace(&mut trackers.is_checked, true);
        let here = |error: Error| error.context(what);
        checks::target(&*loss, target, &output).map_err(here)?;
        let target = typed_target(target, dtype).map_err(here)?;
        if dtype == DType::I32 {
            let ignored = loss.config().get("ignore_class").and_then(|class| class.as_i64());
            checks::labels(&target, &output, ignored).map_err(here)?;
        }
        let weights = samples.weights_of(0).map(Tensor::to_f32);
        if let Some(weights) = &weights {
            checks::weights(weights, &output).map_err(here)?;
        }
        if !is_checked {
            checks::output_fits_loss(self, &*loss)?;
        }
        Ok(Arrays { inputs, target, weights, rows: samples.num_rows() })
    }
}
