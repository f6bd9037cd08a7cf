use std::fmt;

use kerros_core::Result;

use super::Callback;
use crate::trainer::{Metrics, Training};

/// Sets the learning rate before each epoch by a function of the epoch and of the rate so far.
///
/// The learning rate of each epoch is added to the history. For a rate that changes from step to
/// step, give the optimizer a schedule ([`crate::schedules`]) instead.
///
/// # Parameters
/// - `schedule`: from the number of the epoch, counted from 0, and the rate so far to the rate of
///   this epoch.
/// - `verbose`: whether it says what it does. Default: `false`.
///
/// # Example
/// ```
/// use kerros::Fit;
/// use kerros::callbacks::LearningRateScheduler;
/// let later = LearningRateScheduler::new(|epoch, rate| {
///     if epoch < 10 { rate } else { rate * (-0.1f64).exp() }
/// });
/// let fit = Fit::epochs(20).callback(later);
/// ```
pub struct LearningRateScheduler<F> {
    schedule: F,
    verbose: bool,
}

impl<F: FnMut(usize, f64) -> f64> LearningRateScheduler<F> {
    /// Follows this function.
    pub fn new(schedule: F) -> Self {
        LearningRateScheduler { schedule, verbose: false }
    }

    /// Sets whether it says what it does, on stderr.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }
}

impl<F: FnMut(usize, f64) -> f64> Callback for LearningRateScheduler<F> {
    fn class_name(&self) -> &'static str {
        "LearningRateScheduler"
    }

    fn on_epoch_begin(&mut self, training: &mut Training<'_>, epoch: usize) -> Result<()> {
        let rate = (self.schedule)(epoch, training.learning_rate()?.into());
        training
            .set_learning_rate(rate as f32)
            .map_err(|error| error.context(format!("LearningRateScheduler in epoch {epoch}")))?;
        if self.verbose {
            let epoch = epoch + 1;
            training.say(&format!(
                "Epoch {epoch}: LearningRateScheduler setting learning rate to {rate}."
            ));
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        _epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        logs.set("learning_rate", f64::from(training.learning_rate()?));
        Ok(())
    }
}

impl<F> fmt::Debug for LearningRateScheduler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LearningRateScheduler").field("verbose", &self.verbose).finish()
    }
}
