use kerros_core::Result;

use super::{Callback, CallbackState};
use crate::object::ConfigReader;
use crate::trainer::{Metrics, Training};

/// Stops when the loss of an epoch is at most a threshold: "train until it is good enough".
///
/// # Parameters
/// - `threshold`: the loss that is good enough.
/// - `monitor`: the number that must be at most the threshold. Default: `loss`.
///
/// # Example
/// ```
/// use kerros::Fit;
/// use kerros::callbacks::StopAtLoss;
/// let mut stop = StopAtLoss::new(0.01).monitor("val_loss");
/// let fit = Fit::epochs(1000).validation_split(0.2).callback(&mut stop);
/// # drop(fit);
/// assert_eq!(stop.stopped_epoch(), None);
/// ```
#[derive(Clone, Debug)]
pub struct StopAtLoss {
    threshold: f64,
    monitor: String,
    stopped_epoch: Option<usize>,
}

impl StopAtLoss {
    /// Stops at this loss.
    pub fn new(threshold: f64) -> Self {
        StopAtLoss { threshold, monitor: "loss".into(), stopped_epoch: None }
    }

    /// Sets the number to watch, such as `val_loss`.
    pub fn monitor(mut self, name: impl Into<String>) -> Self {
        self.monitor = name.into();
        self
    }

    /// The callback that these arguments describe.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        let stop = StopAtLoss::new(reader.required_f64("threshold"));
        match reader.maybe_string("monitor") {
            Some(name) => stop.monitor(name),
            None => stop,
        }
    }

    /// The epoch after which it stopped the run, if it did.
    pub fn stopped_epoch(&self) -> Option<usize> {
        self.stopped_epoch
    }
}

impl Callback for StopAtLoss {
    fn class_name(&self) -> &'static str {
        "StopAtLoss"
    }

    fn on_train_begin(&mut self, _training: &mut Training<'_>) -> Result<()> {
        self.stopped_epoch = None;
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        if logs.get(&self.monitor).is_some_and(|loss| loss <= self.threshold) {
            self.stopped_epoch = Some(epoch);
            training.stop();
        }
        Ok(())
    }

    fn state(&self) -> CallbackState {
        let mut state = CallbackState::default();
        if let Some(epoch) = self.stopped_epoch {
            state.set_count("stopped_epoch", epoch);
        }
        state
    }

    fn restore(&mut self, state: &CallbackState) -> Result<()> {
        self.stopped_epoch = state.maybe_count("stopped_epoch")?;
        Ok(())
    }

    fn report(&self) -> Option<String> {
        self.stopped_epoch
            .map(|epoch| format!("stopped after epoch {}: the loss is small enough", epoch + 1))
    }
}
