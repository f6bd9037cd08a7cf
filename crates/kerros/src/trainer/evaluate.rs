//! Loss and metrics of data, without learning.

use std::fmt;

use kerros_core::{Error, ErrorKind, Result};
use kerros_data::{Batch, BatchSource, Batches, Samples};

use super::Mode;
use super::fit::rows_per_batch;
use super::history::Metrics;
use super::stream::Stream;
use super::training::{Moment, Training, TrainingSize};
use crate::callbacks::{Callback, CallbackList};
use crate::model::Model;

/// How to evaluate.
///
/// ```
/// use kerros::Evaluate;
/// let how = Evaluate::new().batch_size(256).steps(10);
/// ```
#[derive(Default)]
pub struct Evaluate<'a> {
    batch_size: Option<usize>,
    steps: Option<usize>,
    callbacks: CallbackList<'a>,
}

impl<'a> Evaluate<'a> {
    /// In batches of 32 rows.
    pub fn new() -> Self {
        Evaluate::default()
    }

    /// Sets how many rows are taken at a time. Default: 32; with [`Evaluate::steps`] as many as
    /// make that many steps of all rows.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Sets how many batches are evaluated. Default: all.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
        self
    }

    /// Adds a callback, of which the `on_test_..` methods are called.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(callback);
        self
    }
}

impl fmt::Debug for Evaluate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evaluate")
            .field("batch_size", &self.batch_size)
            .field("steps", &self.steps)
            .field("callbacks", &self.callbacks)
            .finish()
    }
}

impl Model {
    /// Loss and metrics of data, by name in alphabetical order.
    ///
    /// # Errors
    /// A model that is not compiled; data that do not fit (see [`super::checks`]).
    pub fn evaluate(&mut self, data: impl Into<Samples>) -> Result<Metrics> {
        self.evaluate_with(data, Evaluate::new())
    }

    /// As [`Model::evaluate`], with everything that is optional.
    ///
    /// # Errors
    /// As [`Model::evaluate`]; a batch size of 0; what a callback returns.
    pub fn evaluate_with(
        &mut self,
        data: impl Into<Samples>,
        options: Evaluate<'_>,
    ) -> Result<Metrics> {
        let arrays = self.arrays(&data.into(), "evaluate")?;
        let batch_size = rows_per_batch(options.batch_size, options.steps, arrays.rows);
        let batches = Batches::new(arrays.rows, batch_size)?;
        self.evaluate_stream(Stream::of_arrays(arrays, batches), options)
    }

    /// As [`Model::evaluate_with`], of batches from a source: see [`BatchSource`].
    ///
    /// # Errors
    /// As there; a source that gives no batch.
    pub fn evaluate_batches(
        &mut self,
        source: impl BatchSource,
        options: Evaluate<'_>,
    ) -> Result<Metrics> {
        self.compiled()?;
        self.evaluate_stream(Stream::of_source(Box::new(source), "evaluate_batches"), options)
    }

    fn evaluate_stream(
        &mut self,
        mut stream: Stream<'_>,
        options: Evaluate<'_>,
    ) -> Result<Metrics> {
        let Evaluate { steps, mut callbacks, .. } = options;
        let size = TrainingSize {
            epochs: 1,
            steps: steps.or(stream.num_batches()),
            batch_size: stream.batch_size(),
        };
        let mut training = Training::new(self, size);
        let found = training.evaluate(&mut stream, steps, &mut callbacks);
        // A callback that put averages in the place of weights may not have been reached.
        if found.is_err() && training.model.averages_shown() {
            training.model.show_averages(false)?;
        }
        found?.ok_or_else(|| {
            Error::new(ErrorKind::Data, "the source of batches gave none")
                .expected("at least one batch")
                .context("evaluate")
        })
    }

    /// Sets loss and metrics back to the start.
    ///
    /// # Errors
    /// A model that is not compiled.
    pub fn reset_metrics(&mut self) -> Result<()> {
        self.compiled()?;
        let (Some(compiled), Some(states)) = (&self.compiled, &mut self.states) else {
            return Ok(());
        };
        match &compiled.trackers {
            Some(trackers) => trackers.reset(&mut *states.store),
            None => Ok(()),
        }
    }

    /// Loss and metrics since they were last reset.
    pub(crate) fn read_metrics(&mut self) -> Result<Metrics> {
        self.compiled()?;
        let (Some(compiled), Some(states)) = (&self.compiled, &self.states) else {
            return Ok(Metrics::default());
        };
        match &compiled.trackers {
            Some(trackers) => trackers.read(&*states.store),
            None => Ok(Metrics::default()),
        }
    }

    /// The loss since it was last reset.
    pub(crate) fn read_loss(&mut self) -> Result<f64> {
        self.compiled()?;
        let (Some(compiled), Some(states)) = (&self.compiled, &self.states) else {
            return Ok(0.0);
        };
        compiled.trackers.as_ref().map_or(Ok(0.0), |trackers| trackers.read_loss(&*states.store))
    }

    /// One training step on all rows of the data; the result is loss and metrics of this batch:
    /// as in Keras 3, they are reset before it.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn train_on_batch(&mut self, data: impl Into<Samples>) -> Result<Metrics> {
        self.on_batch(data.into(), Mode::Train, "train_on_batch")
    }

    /// Evaluates all rows of the data as one batch; the result is loss and metrics of this
    /// batch: as in Keras 3, they are reset before it.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn test_on_batch(&mut self, data: impl Into<Samples>) -> Result<Metrics> {
        self.on_batch(data.into(), Mode::Evaluate, "test_on_batch")
    }

    fn on_batch(&mut self, data: Samples, mode: Mode, what: &str) -> Result<Metrics> {
        let arrays = self.arrays(&data, what)?;
        self.reset_metrics()?;
        let mut feeds = Vec::new();
        arrays.feeds(Batch::Range(0..arrays.rows as u32), &mut feeds);
        let id = self.executable_for(&arrays.key(mode, arrays.rows))?;
        self.run_batch(id, &feeds)?;
        self.read_metrics()
    }
}

impl Training<'_> {
    /// Loss and metrics of a stream, from its beginning where it can begin again; `None` when
    /// it has no batch left.
    pub(super) fn evaluate(
        &mut self,
        stream: &mut Stream<'_>,
        steps: Option<usize>,
        callbacks: &mut CallbackList<'_>,
    ) -> Result<Option<Metrics>> {
        self.stop_evaluating = false;
        self.moment = Moment::Settled(Metrics::default());
        callbacks.on_test_begin(self)?;
        self.model.reset_metrics()?;
        stream.begin_epoch(0, true)?;
        let mut batch = 0;
        while steps.is_none_or(|steps| batch < steps) && !self.stop_evaluating {
            if !stream.draw()? {
                if let Some(steps) = steps.filter(|_| batch > 0) {
                    self.warn(&format!("the data ran out after {batch} of {steps} steps"));
                }
                break;
            }
            self.moment = Moment::Settled(Metrics::default());
            callbacks.on_test_batch_begin(self, batch)?;
            stream.run(self.model, Mode::Evaluate)?;
            stream.take();
            self.moment = Moment::Running;
            callbacks.on_test_batch_end(self, batch)?;
            batch += 1;
        }
        let found = self.model.read_metrics()?;
        self.moment = Moment::Settled(found.clone());
        callbacks.on_test_end(self)?;
        Ok((batch > 0).then_some(found))
    }
}
