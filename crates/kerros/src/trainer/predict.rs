//! The model's outputs.

use std::fmt;

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use kerros_data::{BatchSource, Batches, Samples};
use kerros_plan::Feed;
use smallvec::SmallVec;

use super::arrays::{data_row_shape, ordered_inputs, row_shape};
use super::training::{Moment, Training, TrainingSize};
use super::{ExecutableId, ExecutableKey, Mode, checks};
use crate::callbacks::{Callback, CallbackList};
use crate::model::Model;

/// Rows that `predict` takes at a time: enough to keep a matrix product busy. Results of layers
/// do not depend on it.
const PREDICT_ROWS: usize = 256;

/// The rows of a batch for Keras: what operations take that may mix the rows of a batch.
const KERAS_ROWS: usize = 32;

/// How to predict.
///
/// ```
/// use kerros::trainer::Predict;
/// let how = Predict::new().batch_size(1024);
/// ```
#[derive(Default)]
pub struct Predict<'a> {
    batch_size: Option<usize>,
    steps: Option<usize>,
    callbacks: CallbackList<'a>,
}

impl<'a> Predict<'a> {
    /// In batches of 256 rows: the results do not depend on it. Operations of `keras.ops` may mix
    /// the rows of a batch, and constants may be for batches of one size; models that have such
    /// predict in batches of 32, as in Keras.
    pub fn new() -> Self {
        Predict::default()
    }

    /// Sets how many rows are taken at a time. Default: 256, or 32 (see [`Predict::new`]).
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Sets how many batches are predicted. Default: all.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
        self
    }

    /// Adds a callback, of which the `on_predict_..` methods are called.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(callback);
        self
    }
}

impl fmt::Debug for Predict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Predict")
            .field("batch_size", &self.batch_size)
            .field("steps", &self.steps)
            .field("callbacks", &self.callbacks)
            .finish()
    }
}

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
            count => Err(self.several_outputs(count)),
        }
    }

    fn several_outputs(&self, count: usize) -> Error {
        Error::new(ErrorKind::State, format!("the model `{}` has {count} outputs", self.name()))
            .expected("one output")
            .hint("use `predict_all`, which gives all of them")
    }

    /// All outputs for each row of the inputs, in the model's order.
    ///
    /// # Errors
    /// Inputs of other shapes than the model's.
    pub fn predict_all(&mut self, x: impl Into<Samples>) -> Result<Vec<Tensor>> {
        self.predict_with(x, Predict::new())
    }

    /// As [`Model::predict_all`], with everything that is optional.
    ///
    /// # Errors
    /// As there; a batch size of 0; what a callback returns.
    pub fn predict_with(
        &mut self,
        x: impl Into<Samples>,
        options: Predict<'_>,
    ) -> Result<Vec<Tensor>> {
        let x: Samples = x.into();
        self.predict_arrays(x, options).map_err(|error| error.context("predict"))
    }

    fn predict_arrays(&mut self, x: Samples, options: Predict<'_>) -> Result<Vec<Tensor>> {
        let inputs = self.prediction_inputs(&x)?;
        let rows = x.num_rows();
        let Predict { batch_size, steps, mut callbacks } = options;
        let fixed = self.network.inputs.iter().find_map(|input| input.batch);
        let batch_size = match (batch_size, steps) {
            (None, Some(steps)) => rows.div_ceil(steps.max(1)),
            (told, _) => fixed.or(told).unwrap_or_else(|| self.usual_rows()),
        };
        if rows <= batch_size && fixed.is_none() && callbacks.is_empty() {
            let feeds: SmallVec<[Feed<'_>; 4]> = inputs.iter().map(Feed::Whole).collect();
            let id = self.executable_for(&predict_key(&inputs, rows))?;
            self.run_batch(id, &feeds)?;
            return self.outputs_of(id);
        }
        let mut batches = Batches::new(rows, batch_size)?;
        let wanted = steps.unwrap_or(usize::MAX).min(batches.num_batches());
        let size =
            TrainingSize { epochs: 1, steps: Some(wanted), batch_size: Some(batches.batch_size()) };
        let mut parts: Vec<Vec<Tensor>> = Vec::with_capacity(wanted);
        let mut training = Training::new(self, size);
        let predicted = training.predict(&mut callbacks, |training, callbacks| {
            for batch in batches.epoch(0).take(wanted) {
                let (count, mut iter) = (batch.len(), batch.iter());
                let start = iter.next().unwrap_or(0) as usize;
                let feeds: SmallVec<[Feed<'_>; 4]> =
                    inputs.iter().map(|tensor| Feed::From { tensor, start }).collect();
                let key = predict_key(&inputs, count);
                if !training.predict_batch(&key, &feeds, callbacks, &mut parts)? {
                    break;
                }
            }
            Ok(())
        });
        predicted?;
        joined(&parts)
    }

    /// As [`Model::predict_with`], of batches from a source: see [`BatchSource`].
    ///
    /// # Errors
    /// As there; a source that gives no batch.
    pub fn predict_batches(
        &mut self,
        mut source: impl BatchSource,
        options: Predict<'_>,
    ) -> Result<Vec<Tensor>> {
        let Predict { steps, mut callbacks, .. } = options;
        source.restart(0)?;
        let size =
            TrainingSize { epochs: 1, steps: steps.or(source.num_batches()), batch_size: None };
        let mut parts: Vec<Vec<Tensor>> = Vec::new();
        let mut training = Training::new(self, size);
        let predicted = training.predict(&mut callbacks, |training, callbacks| {
            while steps.is_none_or(|steps| parts.len() < steps) {
                let Some(batch) = source.next_batch() else { break };
                let batch = batch?;
                let here = |error: Error| error.context(format!("predict, batch {}", parts.len()));
                let inputs = training.model.prediction_inputs(&batch).map_err(here)?;
                let feeds: SmallVec<[Feed<'_>; 4]> = inputs.iter().map(Feed::Whole).collect();
                let key = predict_key(&inputs, batch.num_rows());
                if !training.predict_batch(&key, &feeds, callbacks, &mut parts)? {
                    break;
                }
            }
            Ok(())
        });
        predicted?;
        joined(&parts)
    }

    /// How many rows are taken at a time, where nobody says.
    fn usual_rows(&self) -> usize {
        if self.network.mixes_rows() { KERAS_ROWS } else { PREDICT_ROWS }
    }

    /// The inputs of a prediction, checked; builds the model from their shape when it is not
    /// built.
    fn prediction_inputs(&mut self, x: &Samples) -> Result<Vec<Tensor>> {
        x.check()?;
        self.build_with(&x.inputs.iter().map(data_row_shape).collect::<Vec<_>>())?;
        checks::inputs(&self.network, &ordered_inputs(&self.network, x)?)
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
        if self.network.outputs.len() != 1 {
            return Err(self.several_outputs(self.network.outputs.len()));
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
        let id = self.executable_for(&predict_key(std::slice::from_ref(x), rows))?;
        self.run_batch(id, &[Feed::Whole(x)])?;
        self.executables.get(id)?.output(0)
    }

    /// The outputs that an executable holds.
    pub(super) fn outputs_of(&mut self, id: ExecutableId) -> Result<Vec<Tensor>> {
        let outputs = 0..self.network.outputs.len();
        let executable = self.executables.get(id)?;
        outputs.map(|at| executable.output(at)).collect()
    }
}

impl Training<'_> {
    /// Predictions, between what callbacks do at their beginning and at their end.
    fn predict(
        &mut self,
        callbacks: &mut CallbackList<'_>,
        batches: impl FnOnce(&mut Self, &mut CallbackList<'_>) -> Result<()>,
    ) -> Result<()> {
        let predicted = callbacks
            .on_predict_begin(self)
            .and_then(|()| batches(self, callbacks))
            .and_then(|()| {
                self.moment = Moment::Settled(Default::default());
                callbacks.on_predict_end(self)
            });
        // A callback that put averages in the place of weights may not have been reached.
        if predicted.is_err() && self.model.averages_shown() {
            self.model.show_averages(false)?;
        }
        predicted
    }

    /// Predicts a batch, between what callbacks do before and after it; whether to go on.
    fn predict_batch(
        &mut self,
        key: &ExecutableKey,
        feeds: &[Feed<'_>],
        callbacks: &mut CallbackList<'_>,
        parts: &mut Vec<Vec<Tensor>>,
    ) -> Result<bool> {
        let at = parts.len();
        self.batch = at;
        self.moment = Moment::Settled(Default::default());
        callbacks.on_predict_batch_begin(self, at)?;
        let id = self.model.executable_for(key)?;
        self.model.run_batch(id, feeds)?;
        self.moment = Moment::Predicted(id);
        parts.push(self.model.outputs_of(id)?);
        callbacks.on_predict_batch_end(self, at)?;
        Ok(!self.stop && !self.stop_evaluating)
    }
}

/// The outputs of batches, each output one below the other.
///
/// # Errors
/// [`ErrorKind::Data`] without batches; [`ErrorKind::Shape`] for outputs whose rows differ.
fn joined(parts: &[Vec<Tensor>]) -> Result<Vec<Tensor>> {
    let Some(first) = parts.first() else {
        return Err(Error::new(ErrorKind::Data, "the source of batches gave none")
            .expected("at least one batch")
            .context("predict"));
    };
    let join = |(at, first): (usize, &Tensor)| {
        let row = row_shape(first);
        if let Some(other) = parts.iter().map(|part| &part[at]).find(|part| row_shape(part) != row)
        {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("batches gave outputs of shape {} and {}", first.shape(), other.shape()),
            )
            .expected("rows of one shape"));
        }
        if first.shape().is_empty() {
            let what = "an output is a single number for each batch";
            return Err(Error::new(ErrorKind::Shape, what)
                .expected("outputs with a batch axis")
                .hint("predict all rows as one batch"));
        }
        let rows = parts.iter().map(|part| part[at].shape()[0]).sum();
        let dims: Shape = std::iter::once(rows).chain(row.iter().copied()).collect();
        let mut out = Tensor::zeros(dims, first.dtype());
        let mut filled = 0;
        for bytes in parts.iter().map(|part| part[at].bytes()) {
            out.bytes_mut()[filled..][..bytes.len()].copy_from_slice(bytes);
            filled += bytes.len();
        }
        Ok(out)
    };
    first.iter().enumerate().map(join).collect()
}

fn predict_key(inputs: &[Tensor], rows: usize) -> ExecutableKey {
    ExecutableKey {
        mode: Mode::Predict,
        rows,
        inputs: inputs.iter().map(row_shape).collect(),
        targets: SmallVec::new(),
        weights: SmallVec::new(),
    }
}
