//! Callbacks: what happens beside training, at the beginning and end of runs, epochs and
//! batches. One file each.

use kerros_core::Result;

use crate::trainer::{Metrics, Training};

mod early_stopping;
mod lambda_callback;
pub mod monitor;
mod progbar_logger;
mod reduce_lr_on_plateau;
mod stop_at_loss;
mod terminate_on_nan;

pub use early_stopping::EarlyStopping;
pub use lambda_callback::LambdaCallback;
pub use monitor::{Direction, Monitor};
pub use progbar_logger::ProgbarLogger;
pub use reduce_lr_on_plateau::ReduceLROnPlateau;
pub use stop_at_loss::StopAtLoss;
pub use terminate_on_nan::TerminateOnNaN;

/// Something that is told how training goes, and may act on it.
///
/// All methods do nothing by default. An error ends the run and is what `fit` returns;
/// `on_train_end` is called all the same.
///
/// # Example
/// ```
/// use kerros::callbacks::Callback;
/// use kerros::trainer::Training;
/// use kerros::{Metrics, Result};
///
/// /// Halves the learning rate after each epoch.
/// struct Halve;
///
/// impl Callback for Halve {
///     fn on_epoch_end(
///         &mut self,
///         training: &mut Training<'_>,
///         _epoch: usize,
///         _logs: &mut Metrics,
///     ) -> Result<()> {
///         let rate = training.learning_rate()?;
///         training.set_learning_rate(rate / 2.0)
///     }
/// }
/// ```
#[allow(unused_variables)]
pub trait Callback {
    /// Before the first epoch.
    ///
    /// # Errors
    /// What should end the run; so for all methods.
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// After the last epoch, however the run ended.
    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// Before an epoch, counted from 0.
    fn on_epoch_begin(&mut self, training: &mut Training<'_>, epoch: usize) -> Result<()> {
        Ok(())
    }
    /// After an epoch and its validation. What is added to `logs` goes into the history.
    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        Ok(())
    }
    /// Before a batch, counted from 0 in each epoch.
    fn on_train_batch_begin(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        Ok(())
    }
    /// After a batch; [`Training::logs`] gives the numbers so far.
    fn on_train_batch_end(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        Ok(())
    }
}

impl<C: Callback + ?Sized> Callback for &mut C {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        (**self).on_train_begin(training)
    }
    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        (**self).on_train_end(training)
    }
    fn on_epoch_begin(&mut self, training: &mut Training<'_>, epoch: usize) -> Result<()> {
        (**self).on_epoch_begin(training, epoch)
    }
    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        (**self).on_epoch_end(training, epoch, logs)
    }
    fn on_train_batch_begin(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        (**self).on_train_batch_begin(training, batch)
    }
    fn on_train_batch_end(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        (**self).on_train_batch_end(training, batch)
    }
}
