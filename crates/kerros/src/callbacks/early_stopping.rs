use kerros_core::{Error, Result, Tensor};

use super::monitor::{Direction, Monitor};
use super::{Callback, CallbackState};
use crate::object::ConfigReader;
use crate::trainer::{Metrics, Training};

/// Stops when a number has not become better for some epochs.
///
/// With `restore_best_weights` the weights of the best epoch are put back however training
/// ended: by this callback, by another, at the last epoch; and by an error, after which Keras
/// leaves the last ones.
///
/// # Parameters
/// - `monitor`: the number to watch. Default: `val_loss`.
/// - `min_delta`: smaller changes are none. Default: 0.
/// - `patience`: after how many epochs without improvement training stops. Default: 0.
/// - `direction`: Keras's `mode`. Default: by the name.
/// - `baseline`: a value that must be beaten. Default: none.
/// - `restore_best_weights`: default `false`.
/// - `start_from_epoch`: epochs to wait before watching. Default: 0.
/// - `verbose`: whether it says what it does. Default: `false`.
///
/// # Example
/// ```
/// use kerros::Fit;
/// use kerros::callbacks::EarlyStopping;
/// let mut stop = EarlyStopping::new().patience(3).restore_best_weights(true);
/// let fit = Fit::epochs(100).validation_split(0.2).callback(&mut stop);
/// # drop(fit);
/// assert_eq!(stop.stopped_epoch(), None);
/// ```
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    baseline: Option<f64>,
    restore_best_weights: bool,
    start_from_epoch: usize,
    verbose: bool,
    wait: usize,
    best: Option<f64>,
    best_epoch: usize,
    best_weights: Option<Vec<Tensor>>,
    stopped_epoch: Option<usize>,
}

impl EarlyStopping {
    /// Watches `val_loss` without patience.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        EarlyStopping {
            monitor: Monitor::new("val_loss", 0.0),
            patience: 0,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
            verbose: false,
            wait: 0,
            best: None,
            best_epoch: 0,
            best_weights: None,
            stopped_epoch: None,
        }
    }

    /// Sets the number to watch.
    pub fn monitor(mut self, name: impl Into<String>) -> Self {
        self.monitor.name = name.into();
        self
    }

    /// Sets the smallest change that counts as an improvement. Default: 0.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.monitor.min_delta = min_delta;
        self
    }

    /// Sets after how many epochs without improvement training stops. Default: 0.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// Sets what counts as better.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.monitor.direction = direction;
        self
    }

    /// Sets a value that must be beaten.
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Sets whether the weights of the best epoch are put back at the end.
    pub fn restore_best_weights(mut self, restore: bool) -> Self {
        self.restore_best_weights = restore;
        self
    }

    /// Sets how many epochs pass before watching begins.
    pub fn start_from_epoch(mut self, epoch: usize) -> Self {
        self.start_from_epoch = epoch;
        self
    }

    /// Sets whether it says what it does, on stderr.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// The callback that these arguments describe.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        let mut stop = EarlyStopping::new();
        stop.monitor = Monitor::from_config(reader, stop.monitor);
        stop.patience = reader.maybe_usize("patience").unwrap_or(stop.patience);
        stop.baseline = reader.maybe_f64("baseline");
        stop.restore_best_weights = reader.bool("restore_best_weights", false);
        stop.start_from_epoch = reader.maybe_usize("start_from_epoch").unwrap_or(0);
        stop.verbose = reader.bool("verbose", false);
        stop
    }

    fn put_back(&mut self, training: &mut Training<'_>) -> Result<()> {
        let Some(weights) = self.best_weights.take() else { return Ok(()) };
        if self.verbose {
            training.say(&format!(
                "Restoring model weights from the end of the best epoch: {}.",
                self.best_epoch + 1
            ));
        }
        training.set_weights(&weights)
    }

    /// The epoch after which it stopped the run, if it did.
    pub fn stopped_epoch(&self) -> Option<usize> {
        self.stopped_epoch
    }

    /// The epoch of the best value.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }

    /// The best value.
    pub fn best(&self) -> Option<f64> {
        self.best
    }
}

impl Callback for EarlyStopping {
    fn class_name(&self) -> &'static str {
        "EarlyStopping"
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.wait = 0;
        self.best = None;
        self.best_epoch = 0;
        self.best_weights = None;
        self.stopped_epoch = None;
        self.monitor.settle(training)
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        let Some(value) = self.monitor.value(training, logs) else { return Ok(()) };
        if epoch < self.start_from_epoch {
            return Ok(());
        }
        if self.restore_best_weights && self.best_weights.is_none() {
            self.best_weights = Some(training.get_weights()?);
            self.best_epoch = epoch;
        }
        self.wait += 1;
        if self.monitor.is_better(value, self.best) {
            self.best = Some(value);
            self.best_epoch = epoch;
            if self.restore_best_weights {
                self.best_weights = Some(training.get_weights()?);
            }
            if self.monitor.is_better(value, self.baseline) {
                self.wait = 0;
            }
            return Ok(());
        }
        if self.wait >= self.patience && epoch > 0 {
            self.stopped_epoch = Some(epoch);
            training.stop();
        }
        Ok(())
    }

    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        if let (Some(epoch), true) = (self.stopped_epoch, self.verbose) {
            training.say(&format!("Epoch {}: early stopping", epoch + 1));
        }
        self.put_back(training)
    }

    fn on_train_error(&mut self, training: &mut Training<'_>, _error: &Error) -> Result<()> {
        self.put_back(training)
    }

    fn state(&self) -> CallbackState {
        let mut state = CallbackState::default();
        state.set_count("wait", self.wait);
        state.set_number("best", self.best);
        state.set_count("best_epoch", self.best_epoch);
        if let Some(epoch) = self.stopped_epoch {
            state.set_count("stopped_epoch", epoch);
        }
        if let Some(weights) = &self.best_weights {
            state.set_tensors("best_weights", weights);
        }
        state
    }

    fn restore(&mut self, state: &CallbackState) -> Result<()> {
        self.wait = state.count("wait")?;
        self.best = state.number("best")?;
        self.best_epoch = state.count("best_epoch")?;
        self.stopped_epoch = state.maybe_count("stopped_epoch")?;
        self.best_weights = state.tensors("best_weights")?;
        Ok(())
    }

    fn report(&self) -> Option<String> {
        self.stopped_epoch.map(|epoch| {
            format!(
                "stopped early after epoch {}: epoch {} was the best",
                epoch + 1,
                self.best_epoch + 1
            )
        })
    }
}
