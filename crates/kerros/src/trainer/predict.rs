//! The model's outputs.

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_data::{Batches, Samples};
use kerros_plan::Feed;

use smallvec::SmallVec;

use super::arrays::{data_row_shape, ordered_inputs, row_shape};
use super::{Mode, RunKey, checks};
use crate::model::Model;

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
    /// An input of another shape than the model's; a model of several outputs, for which there
    /// is [`Model::predict_all`].
    pub fn predict(&mut self, x: impl Into<Samples>) -> Result<Tensor> {
        let mut outputs = self.predict_all(x)?;
        match outputs.len() {
            1 => Ok(outputs.remove(0)),
            count => Err(Error::new(
                ErrorKind::State,
                format!("the model `{}` has {count} outputs", self.name()),
            )
            .expected("one output")
            .hint("use `predict_all`, which gives all of them")),
        }
    }

    /// All outputs for each row of the inputs, in the model's order.
    ///
    /// # Errors
    /// Inputs of other shapes than the model's.
    pub fn predict_all(&mut self, x: impl Into<Samples>) -> Result<Vec<Tensor>> {
        let x: Samples = x.into();
        self.predict_checked(x).map_err(|error| error.context("predict"))
    }

    fn predict_checked(&mut self, x: Samples) -> Result<Vec<Tensor>> {
        x.check()?;
        self.build_with(&x.inputs.iter().map(data_row_shape).collect::<Vec<_>>())?;
        let inputs = checks::inputs(&self.network, &ordered_inputs(&self.network, &x)?)?;
        let rows = x.num_rows();
        let fixed = self.network.inputs.iter().find_map(|input| input.batch);
        if rows <= PREDICT_ROWS && fixed.is_none() {
            let feeds: Vec<Feed<'_>> = inputs.iter().map(Feed::Whole).collect();
            let index = self.run_for(&predict_key(&inputs, rows))?;
            self.run_batch(index, &feeds)?;
            let outputs = 0..self.network.outputs.len();
            let run = self.runs.get(index);
            return outputs.map(|output| run.output(output)).collect();
        }
        let input_rows: Vec<Shape> = inputs.iter().map(row_shape).collect();
        let shapes = self.network.output_rows(&input_rows)?;
        let dims = |row: &Shape| -> Shape { std::iter::once(rows).chain(row.to_vec()).collect() };
        let mut outputs: Vec<Tensor> =
            shapes.iter().map(|row| Tensor::zeros(dims(row), DType::F32)).collect();
        let mut batches = Batches::new(rows, fixed.unwrap_or(PREDICT_ROWS))?;
        for batch in batches.epoch(0) {
            let index = self.run_for(&predict_key(&inputs, batch.len()))?;
            let (count, mut iter) = (batch.len(), batch.iter());
            let start = iter.next().unwrap_or(0) as usize;
            let feeds: Vec<Feed<'_>> =
                inputs.iter().map(|tensor| Feed::From { tensor, start }).collect();
            self.run_batch(index, &feeds)?;
            let run = self.runs.get(index);
            for (at, output) in outputs.iter_mut().enumerate() {
                let bytes = output.row_bytes();
                run.read_output(at, &mut output.bytes_mut()[start * bytes..][..count * bytes])?;
            }
        }
        Ok(outputs)
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
        let is_ready = match self.network.inputs.as_slice() {
            [input] => {
                x.dtype() == input.dtype && input.shape.admits(x.shape().get(1..).unwrap_or(&[]))
            }
            _ => false,
        };
        let mended;
        let x = match is_ready {
            true => x,
            false => {
                mended = checks::inputs(&self.network, std::slice::from_ref(x))
                    .map_err(|error| error.context("predict"))?;
                &mended[0]
            }
        };
        let index = self.run_for(&predict_key(std::slice::from_ref(x), rows))?;
        self.run_batch(index, &[Feed::Whole(x)])?;
        self.runs.get(index).output(0)
    }
}

fn predict_key(inputs: &[Tensor], rows: usize) -> RunKey {
    RunKey {
        mode: Mode::Predict,
        rows,
        inputs: inputs.iter().map(row_shape).collect(),
        targets: SmallVec::new(),
        weights: SmallVec::new(),
    }
}
