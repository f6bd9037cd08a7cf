//! The model's outputs.

use kerros_core::{DType, Result, Shape, Tensor};
use kerros_data::{Batches, Samples};
use kerros_plan::Feed;

use super::arrays::data_row_shape;
use super::{Mode, RunKey, checks};
use crate::model::{Model, not_built};

/// Rows that `predict` takes at a time: enough to keep a matrix product busy. Results do not
/// depend on it.
const PREDICT_ROWS: usize = 256;

impl Model {
    /// The output for each row of the input.
    ///
    /// # Shape
    /// `x: [rows, ..] -> [rows, ..]`
    ///
    /// # Errors
    /// An input of another shape than the model's.
    pub fn predict(&mut self, x: impl Into<Samples>) -> Result<Tensor> {
        let x: Samples = x.into();
        x.check().map_err(|error| error.context("predict"))?;
        self.build_with(&x.inputs.iter().map(data_row_shape).collect::<Vec<_>>())?;
        let inputs =
            checks::inputs(&self.network, &x.inputs).map_err(|error| error.context("predict"))?;
        let rows = x.num_rows();
        if rows <= PREDICT_ROWS && inputs.len() == 1 {
            return self.predict_on_batch(&inputs[0]);
        }
        let output = self.network.output_shapes()[0];
        let dims: Shape = std::iter::once(rows).chain(output.iter().copied()).collect();
        let mut out = Tensor::zeros(dims, DType::F32);
        let row_bytes = out.row_bytes();
        let mut batches = Batches::new(rows, PREDICT_ROWS)?;
        for batch in batches.epoch(0) {
            let index = self.run_for(&predict_key(batch.len()))?;
            let (count, mut iter) = (batch.len(), batch.iter());
            let start = iter.next().unwrap_or(0) as usize;
            let feeds: Vec<Feed<'_>> =
                inputs.iter().map(|tensor| Feed::From { tensor, start }).collect();
            let states = self.states.as_mut().ok_or_else(not_built)?;
            let run = self.runs.get(index);
            run.run(&mut *states.store, &feeds)?;
            run.read_output(0, &mut out.bytes_mut()[start * row_bytes..][..count * row_bytes])?;
        }
        Ok(out)
    }

    /// The output for all rows of the input at once: the shortest way, for one prediction
    /// after another. The first call with a number of rows prepares it.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_on_batch(&mut self, x: &Tensor) -> Result<Tensor> {
        if !self.is_built() {
            self.build_with(&[data_row_shape(x)])?;
        }
        let rows = x.shape().first().copied().unwrap_or(0);
        let is_ready = x.dtype() == DType::F32
            && self.network.inputs.len() == 1
            && x.shape().get(1..) == Some(&*self.network.inputs[0].shape);
        let mended;
        let x = match is_ready {
            true => x,
            false => {
                mended = checks::inputs(&self.network, std::slice::from_ref(x))
                    .map_err(|error| error.context("predict"))?;
                &mended[0]
            }
        };
        let index = self.run_for(&predict_key(rows))?;
        let states = self.states.as_mut().ok_or_else(not_built)?;
        let run = self.runs.get(index);
        run.run(&mut *states.store, &[Feed::Whole(x)])?;
        run.output(0)
    }
}

fn predict_key(rows: usize) -> RunKey {
    RunKey { mode: Mode::Predict, rows, target: None, weights: None }
}
