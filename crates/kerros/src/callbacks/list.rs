use std::fmt;

use kerros_core::{Error, Result};

use super::{BackupAndRestore, Callback};
use crate::trainer::{Metrics, Training};

/// Callbacks in the order in which they are called: what a trainer holds.
///
/// # Example
/// ```
/// use kerros::callbacks::{CallbackList, EarlyStopping, TerminateOnNaN};
/// let mut list = CallbackList::new();
/// list.push(EarlyStopping::new());
/// list.push(TerminateOnNaN::new());
/// assert_eq!(list.class_names(), ["EarlyStopping", "TerminateOnNaN"]);
/// ```
#[derive(Default)]
pub struct CallbackList<'a> {
    callbacks: Vec<Box<dyn Callback + 'a>>,
}

/// A method that calls the same method of every callback, in order, until one fails.
macro_rules! call_all {
    ($($(#[$doc:meta])* $method:ident($($argument:ident: $Argument:ty),*);)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// That of the first callback that has one.
        pub fn $method(
            &mut self,
            training: &mut Training<'_>,
            $($argument: $Argument),*
        ) -> Result<()> {
            self.callbacks.iter_mut().try_for_each(|one| one.$method(training, $($argument),*))
        }
    )*};
}

impl<'a> CallbackList<'a> {
    /// No callbacks yet.
    pub fn new() -> Self {
        CallbackList::default()
    }

    /// Adds one at the end.
    pub fn push(&mut self, callback: impl Callback + 'a) {
        self.callbacks.push(Box::new(callback));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.callbacks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.callbacks.is_empty()
    }

    /// Their names, in order.
    pub fn class_names(&self) -> Vec<&'static str> {
        self.callbacks.iter().map(|callback| callback.class_name()).collect()
    }

    /// The callbacks, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut (dyn Callback + 'a)> {
        self.callbacks.iter_mut().map(|callback| &mut **callback)
    }

    /// The callbacks, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(dyn Callback + 'a)> {
        self.callbacks.iter().map(|callback| &**callback)
    }

    /// Those that keep backups.
    pub(crate) fn backups(&mut self) -> impl Iterator<Item = &mut BackupAndRestore> {
        self.callbacks.iter_mut().filter_map(|callback| callback.as_backup())
    }

    call_all! {
        /// Before the first epoch.
        on_train_begin();
        /// After the last epoch.
        on_train_end();
        /// Before an epoch.
        on_epoch_begin(epoch: usize);
        /// Before a batch of training.
        on_train_batch_begin(batch: usize);
        /// After a batch of training.
        on_train_batch_end(batch: usize);
        /// Before an evaluation.
        on_test_begin();
        /// After an evaluation.
        on_test_end();
        /// Before a batch of an evaluation.
        on_test_batch_begin(batch: usize);
        /// After a batch of an evaluation.
        on_test_batch_end(batch: usize);
        /// Before predictions.
        on_predict_begin();
        /// After predictions.
        on_predict_end();
        /// Before a batch of predictions.
        on_predict_batch_begin(batch: usize);
        /// After a batch of predictions.
        on_predict_batch_end(batch: usize);
    }

    /// After an epoch; every callback sees what those before it added to `logs`.
    ///
    /// # Errors
    /// That of the first callback that has one.
    pub fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        self.callbacks.iter_mut().try_for_each(|one| one.on_epoch_end(training, epoch, logs))
    }

    /// After an error ended the run: every callback learns of it, also when one before it has
    /// an error of its own.
    pub fn on_train_error(&mut self, training: &mut Training<'_>, error: &Error) {
        for callback in &mut self.callbacks {
            if let Err(second) = callback.on_train_error(training, error) {
                training.warn(&format!("{} after an error: {second}", callback.class_name()));
            }
        }
    }
}

impl fmt::Debug for CallbackList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.class_names()).finish()
    }
}
