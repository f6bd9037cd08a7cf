//! Callbacks: what happens beside training, at the beginning and end of runs, epochs and
//! batches. One file each; [`registry::LIST`] is the list of them.

use kerros_core::{Error, Result};

use crate::trainer::{Metrics, Training};

mod backup_and_restore;
mod csv_logger;
mod early_stopping;
mod history;
mod lambda_callback;
mod learning_rate_scheduler;
mod list;
mod model_checkpoint;
pub mod monitor;
mod placeholders;
mod progbar_logger;
mod reduce_lr_on_plateau;
pub mod registry;
#[cfg(feature = "remote-monitor")]
mod remote_monitor;
mod save_freq;
pub mod state;
mod stop_at_loss;
mod swap_ema_weights;
pub mod tensor_board;
mod terminate_on_nan;

pub use backup_and_restore::BackupAndRestore;
pub use csv_logger::CSVLogger;
pub use early_stopping::EarlyStopping;
pub use lambda_callback::LambdaCallback;
pub use learning_rate_scheduler::LearningRateScheduler;
pub use list::CallbackList;
pub use model_checkpoint::ModelCheckpoint;
pub use monitor::{Direction, Monitor};
pub use progbar_logger::ProgbarLogger;
pub use reduce_lr_on_plateau::ReduceLROnPlateau;
pub use registry::CallbackEntry;
#[cfg(feature = "remote-monitor")]
pub use remote_monitor::RemoteMonitor;
pub use save_freq::SaveFreq;
pub use state::CallbackState;
pub use stop_at_loss::StopAtLoss;
pub use swap_ema_weights::SwapEMAWeights;
pub use tensor_board::TensorBoard;
pub use terminate_on_nan::TerminateOnNaN;

/// Something that is told how training goes, and may act on it.
///
/// All methods do nothing by default. What Keras passes as `logs` is [`Training::logs`]; only
/// at the end of an epoch is it handed over, because what is added to it goes into the history.
/// An error ends the run and is what `fit` returns.
///
/// The order is Keras's: callbacks are called one after the other as they were added, then the
/// history is written, then progress is shown. During `fit` the `on_test_..` methods are called
/// for each validation.
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
    /// Its name in messages and backups: for Kerros's own, Keras's class name.
    fn class_name(&self) -> &'static str {
        "Callback"
    }
    /// Before the first epoch.
    ///
    /// # Errors
    /// What should end the run; so for all methods.
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// After the last epoch, also when training was stopped. [`Training::logs`] gives the
    /// numbers of the last epoch. As in Keras it is not called when an error ended the run.
    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// After an error ended the run, in place of `on_train_end`: for what must be put in order
    /// all the same. Keras has no such method.
    fn on_train_error(&mut self, training: &mut Training<'_>, error: &Error) -> Result<()> {
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
    /// Before an evaluation or a validation.
    fn on_test_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// After an evaluation or a validation; [`Training::logs`] gives its numbers.
    fn on_test_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// Before a batch of an evaluation.
    fn on_test_batch_begin(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        Ok(())
    }
    /// After a batch of an evaluation; [`Training::logs`] gives the numbers so far.
    fn on_test_batch_end(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        Ok(())
    }
    /// Before predictions are made.
    fn on_predict_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// After the last prediction.
    fn on_predict_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
    /// Before a batch of predictions.
    fn on_predict_batch_begin(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        Ok(())
    }
    /// After a batch of predictions; [`Training::outputs`] gives them.
    fn on_predict_batch_end(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        Ok(())
    }
    /// What it must remember so that a run that was interrupted goes on as if it had not been:
    /// counters, best values. Kept by [`BackupAndRestore`].
    fn state(&self) -> CallbackState {
        CallbackState::default()
    }
    /// Takes up what [`Callback::state`] gave, after `on_train_begin` of the new run.
    ///
    /// # Errors
    /// A state that it did not give.
    fn restore(&mut self, state: &CallbackState) -> Result<()> {
        Ok(())
    }
    /// What it did in a run, in a line for people, if that is worth one.
    fn report(&self) -> Option<String> {
        None
    }
    /// Itself, when it keeps backups: the trainer lets it see the states of all others.
    fn as_backup(&mut self) -> Option<&mut BackupAndRestore> {
        None
    }
}

/// A callback behind a pointer is a callback.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<C: Callback + ?Sized> Callback for $pointer {
            fn class_name(&self) -> &'static str {
                (**self).class_name()
            }
            fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
                (**self).on_train_begin(training)
            }
            fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
                (**self).on_train_end(training)
            }
            fn on_train_error(
                &mut self,
                training: &mut Training<'_>,
                error: &Error,
            ) -> Result<()> {
                (**self).on_train_error(training, error)
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
            fn on_train_batch_begin(
                &mut self,
                training: &mut Training<'_>,
                batch: usize,
            ) -> Result<()> {
                (**self).on_train_batch_begin(training, batch)
            }
            fn on_train_batch_end(
                &mut self,
                training: &mut Training<'_>,
                batch: usize,
            ) -> Result<()> {
                (**self).on_train_batch_end(training, batch)
            }
            fn on_test_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
                (**self).on_test_begin(training)
            }
            fn on_test_end(&mut self, training: &mut Training<'_>) -> Result<()> {
                (**self).on_test_end(training)
            }
            fn on_test_batch_begin(
                &mut self,
                training: &mut Training<'_>,
                batch: usize,
            ) -> Result<()> {
                (**self).on_test_batch_begin(training, batch)
            }
            fn on_test_batch_end(
                &mut self,
                training: &mut Training<'_>,
                batch: usize,
            ) -> Result<()> {
                (**self).on_test_batch_end(training, batch)
            }
            fn on_predict_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
                (**self).on_predict_begin(training)
            }
            fn on_predict_end(&mut self, training: &mut Training<'_>) -> Result<()> {
                (**self).on_predict_end(training)
            }
            fn on_predict_batch_begin(
                &mut self,
                training: &mut Training<'_>,
                batch: usize,
            ) -> Result<()> {
                (**self).on_predict_batch_begin(training, batch)
            }
            fn on_predict_batch_end(
                &mut self,
                training: &mut Training<'_>,
                batch: usize,
            ) -> Result<()> {
                (**self).on_predict_batch_end(training, batch)
            }
            fn state(&self) -> CallbackState {
                (**self).state()
            }
            fn restore(&mut self, state: &CallbackState) -> Result<()> {
                (**self).restore(state)
            }
            fn report(&self) -> Option<String> {
                (**self).report()
            }
            fn as_backup(&mut self) -> Option<&mut BackupAndRestore> {
                (**self).as_backup()
            }
        }
    )*};
}
forward!(&mut C, Box<C>);
