//! What callbacks see of a run, and may change.

use kerros_core::{Result, Tensor};

use super::ExecutableId;
use super::history::Metrics;
use crate::model::Model;

/// The extent of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingSize {
    /// The number after that of the last epoch.
    pub epochs: usize,
    /// Batches per epoch, when that is known.
    pub steps: Option<usize>,
    /// Rows per batch, when they are cut from arrays; the last of an epoch may have fewer.
    pub batch_size: Option<usize>,
}

/// A run in progress, as callbacks see it: they may read the numbers, set the learning rate and
/// the weights, and stop it.
///
/// It is the same for evaluations and predictions with callbacks, which are runs of one epoch.
#[derive(Debug)]
pub struct Training<'a> {
    pub(crate) model: &'a mut Model,
    pub(crate) epoch: usize,
    pub(crate) batch: usize,
    /// Batches of the epoch that are done.
    pub(crate) steps_done: usize,
    pub(crate) size: TrainingSize,
    pub(crate) moment: Moment,
    pub(crate) stop: bool,
    pub(crate) stop_evaluating: bool,
}

/// What there is to report at this instant.
#[derive(Debug)]
pub(crate) enum Moment {
    /// Loss and metrics, as they stand on the device.
    Running,
    /// These numbers: an epoch or an evaluation is over, or has not begun.
    Settled(Metrics),
    /// Predictions, and the place of the executable that holds them.
    Predicted(ExecutableId),
}

impl<'a> Training<'a> {
    /// A run of this model that is about to begin: for training loops of your own that call a
    /// [`crate::callbacks::CallbackList`].
    pub fn new(model: &'a mut Model, size: TrainingSize) -> Self {
        Training {
            model,
            epoch: 0,
            batch: 0,
            steps_done: 0,
            size,
            moment: Moment::Settled(Metrics::default()),
            stop: false,
            stop_evaluating: false,
        }
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

    /// Says where the run stands: for training loops of your own.
    pub fn set_place(&mut self, epoch: usize, batch: usize) {
        (self.epoch, self.batch) = (epoch, batch);
    }

    /// Sets what [`Training::logs`] gives: for training loops of your own.
    pub fn set_logs(&mut self, logs: Metrics) {
        self.moment = Moment::Settled(logs);
    }

    /// How many batches of the epoch are done.
    pub fn steps_done(&self) -> usize {
        self.steps_done
    }

    /// Ends the run after this batch, or after this epoch when called at its end.
    pub fn stop(&mut self) {
        self.stop = true;
    }

    /// Whether some callback has asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop
    }

    /// Ends the evaluation, the validation or the prediction in progress after this batch; of a
    /// validation, training goes on.
    pub fn stop_evaluating(&mut self) {
        self.stop_evaluating = true;
    }

    /// What Keras gives its callbacks as `logs`: after a batch, loss and metrics of the epoch or
    /// the evaluation so far, read from the device when asked for; at the end of a run, those of
    /// the last epoch; at a beginning, none.
    ///
    /// # Errors
    /// A device that fails.
    pub fn logs(&mut self) -> Result<Metrics> {
        match &self.moment {
            Moment::Running => self.model.read_metrics(),
            Moment::Settled(logs) => Ok(logs.clone()),
            Moment::Predicted(_) => Ok(Metrics::default()),
        }
    }

    /// The loss of the epoch so far: cheaper than all of [`Training::logs`].
    ///
    /// # Errors
    /// A device that fails.
    pub fn loss(&mut self) -> Result<f64> {
        self.model.read_loss()
    }

    /// The outputs for the batch that was just predicted; none at any other moment.
    ///
    /// # Errors
    /// A device that fails.
    pub fn outputs(&mut self) -> Result<Vec<Tensor>> {
        match self.moment {
            Moment::Predicted(id) => self.model.outputs_of(id),
            _ => Ok(Vec::new()),
        }
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

    /// The number of updates that the optimizer has made.
    ///
    /// # Errors
    /// As [`Model::optimizer_states`].
    pub fn iterations(&mut self) -> Result<u64> {
        self.model.iterations()
    }

    /// The model: for callbacks that predict, evaluate or save.
    pub fn model(&mut self) -> &mut Model {
        self.model
    }

    /// Says something that does not stop the work but that the user should know.
    pub fn warn(&mut self, message: &str) {
        self.model.warnings.warn(message);
    }

    /// Says something that the user asked to be told, on stderr.
    pub fn say(&mut self, message: &str) {
        eprintln!("{message}");
    }

    /// Whether a metric of this name is better when it is larger, where that is known.
    pub fn larger_is_better(&self, name: &str) -> Option<bool> {
        self.model.larger_is_better(name)
    }
}
