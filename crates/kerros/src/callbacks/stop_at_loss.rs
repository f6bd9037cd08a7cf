use kerros_core::Result;

use super::Callback;
use crate::trainer::{Metrics, Training};

/// Stops when the loss of an epoch is at most a threshold: "train until it is good enough".
///
/// # Parameters
/// - `threshold`: the loss that is good enough.
/// - `monitor`: the number that must be at most the threshold. Default: `loss`.
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

    /// The epoch after which it stopped the run, if it did.
    pub fn stopped_epoch(&self) -> Option<usize> {
        self.stopped_epoch
    }
}

impl Callback for StopAtLoss {
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
}
