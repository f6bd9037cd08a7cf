//! What callbacks see of a run, and may change.

use kerros_core::{Result, Tensor};

use super::history::Metrics;
use crate::model::Model;

/// The extent of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingSize {
    /// The number after that of the last epoch.
    pub epochs: usize,
    /// Batches per epoch.
    pub steps: usize,
    /// Rows per batch; the last of an epoch may have fewer.
    pub batch_size: usize,
}

/// A run in progress, as callbacks see it: they may read the numbers, set the learning rate and
/// the weights, and stop it.
#[derive(Debug)]
pub struct Training<'a> {
    pub(crate) model: &'a mut Model,
    pub(crate) epoch: usize,
    pub(crate) batch: usize,
    size: TrainingSize,
    stop: bool,
}

impl<'a> Training<'a> {
    pub(crate) fn new(model: &'a mut Model, size: TrainingSize) -> Self {
        Training { model, epoch: 0, batch: 0, size, stop: false }
    }

    /// The extent of the run.
    pub fn size(&self) -> TrainingSize {
        self.size
    }

    /// The number of the epoch, from 0.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// The number of the batch in its epoch, from 0.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Ends the run after this batch, or after this epoch when called at its end.
    pub fn stop(&mut self) {
        self.stop = true;
    }

    /// Whether some callback has asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop
    }

    /// Loss and metrics of the epoch so far. They are read from the device when asked for.
    ///
    /// # Errors
    /// A device that fails.
    pub fn logs(&mut self) -> Result<Metrics> {
        self.model.read_metrics()
    }

    /// The loss of the epoch so far: cheaper than all of [`Training::logs`].
    ///
    /// # Errors
    /// A device that fails.
    pub fn loss(&mut self) -> Result<f64> {
        self.model.read_loss()
    }

    /// The weights, as [`Model::get_weights`].
    ///
    /// # Errors
    /// A device that fails.
    pub fn get_weights(&mut self) -> Result<Vec<Tensor>> {
        self.model.get_weights()
    }

    /// Sets the weights, as [`Model::set_weights`].
    ///
    /// # Errors
    /// As there.
    pub fn set_weights(&mut self, weights: &[Tensor]) -> Result<()> {
        self.model.set_weights(weights)
    }

    /// The learning rate of the next step, as [`Model::learning_rate`].
    ///
    /// # Errors
    /// As there.
    pub fn learning_rate(&mut self) -> Result<f32> {
        self.model.learning_rate()
    }

    /// Sets the learning rate, as [`Model::set_learning_rate`].
    ///
    /// # Errors
    /// As there.
    pub fn set_learning_rate(&mut self, rate: f32) -> Result<()> {
        self.model.set_learning_rate(rate)
    }

    /// The model: for callbacks that predict, evaluate or save.
    pub fn model(&mut self) -> &mut Model {
        self.model
    }

    /// Says something that does not stop the work but that the user should know.
    pub fn warn(&mut self, message: &str) {
        self.model.warnings.warn(message);
    }

    /// Whether a metric of this name is better when it is larger, where that is known.
    pub fn larger_is_better(&self, name: &str) -> Option<bool> {
        self.model.larger_is_better(name)
    }
}
