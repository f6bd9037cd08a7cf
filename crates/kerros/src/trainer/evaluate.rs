//! Loss and metrics of data, without learning.

use kerros_core::Result;
use kerros_data::{Batch, Batches, Samples};
use kerros_plan::Feed;

use super::Mode;
use super::arrays::Arrays;
use super::history::Metrics;
use crate::model::{Model, not_built};

/// How to evaluate.
#[derive(Clone, Debug)]
pub struct Evaluate {
    batch_size: usize,
}

impl Evaluate {
    /// In batches of 32 rows.
    pub fn new() -> Self {
        Evaluate { batch_size: 32 }
    }

    /// Sets how many rows are taken at a time. Default: 32.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }
}

impl Default for Evaluate {
    fn default() -> Self {
        Evaluate::new()
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
    /// As [`Model::evaluate`]; a batch size of 0.
    pub fn evaluate_with(
        &mut self,
        data: impl Into<Samples>,
        options: Evaluate,
    ) -> Result<Metrics> {
        let arrays = self.arrays(&data.into(), "evaluate")?;
        self.evaluate_arrays(&arrays, options.batch_size)
    }

    pub(crate) fn evaluate_arrays(
        &mut self,
        arrays: &Arrays,
        batch_size: usize,
    ) -> Result<Metrics> {
        let mut batches = Batches::new(arrays.rows, batch_size)?;
        self.reset_metrics()?;
        let mut feeds = Vec::new();
        let mut known: Option<(usize, usize)> = None;
        for batch in batches.epoch(0) {
            let rows = batch.len();
            let index = match known {
                Some((size, index)) if size == rows => index,
                _ => self.run_for(&arrays.key(Mode::Evaluate, rows))?,
            };
            known = Some((rows, index));
            arrays.feeds(batch, &mut feeds);
            self.run_batch(index, &feeds)?;
        }
        self.read_metrics()
    }

    /// Runs an executable on one batch.
    pub(crate) fn run_batch(&mut self, index: usize, feeds: &[Feed<'_>]) -> Result<()> {
        let states = self.states.as_mut().ok_or_else(not_built)?;
        self.runs.get(index).run(&mut *states.store, feeds)
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

    /// One training step on all rows of the data; the result is loss and metrics since
    /// [`Model::reset_metrics`], as in Keras.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn train_on_batch(&mut self, data: impl Into<Samples>) -> Result<Metrics> {
        self.on_batch(data.into(), Mode::Train, "train_on_batch")
    }

    /// Evaluates all rows of the data as one batch; the result is loss and metrics since
    /// [`Model::reset_metrics`], as in Keras.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn test_on_batch(&mut self, data: impl Into<Samples>) -> Result<Metrics> {
        self.on_batch(data.into(), Mode::Evaluate, "test_on_batch")
    }

    fn on_batch(&mut self, data: Samples, mode: Mode, what: &str) -> Result<Metrics> {
        let arrays = self.arrays(&data, what)?;
        let mut feeds = Vec::new();
        arrays.feeds(Batch::Range(0..arrays.rows as u32), &mut feeds);
        let index = self.run_for(&arrays.key(mode, arrays.rows))?;
        self.run_batch(index, &feeds)?;
        self.read_metrics()
    }
}
