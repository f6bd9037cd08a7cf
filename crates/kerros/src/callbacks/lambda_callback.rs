use std::fmt;

use kerros_core::Result;

use super::Callback;
use crate::trainer::{Metrics, Training};

type OnRun<'a> = Box<dyn FnMut(&mut Training<'_>) -> Result<()> + 'a>;
type OnNumber<'a> = Box<dyn FnMut(&mut Training<'_>, usize) -> Result<()> + 'a>;
type OnEpochEnd<'a> = Box<dyn FnMut(&mut Training<'_>, usize, &mut Metrics) -> Result<()> + 'a>;

/// A callback made of functions, for what is not worth a type of its own.
///
/// # Example
/// ```
/// use kerros::callbacks::LambdaCallback;
/// let mut losses = Vec::new();
/// let keep = LambdaCallback::new().on_epoch_end(|_, epoch, logs| {
///     losses.push((epoch, logs.get("loss")));
///     Ok(())
/// });
/// # drop(keep);
/// ```
#[derive(Default)]
pub struct LambdaCallback<'a> {
    on_train_begin: Option<OnRun<'a>>,
    on_train_end: Option<OnRun<'a>>,
    on_epoch_begin: Option<OnNumber<'a>>,
    on_epoch_end: Option<OnEpochEnd<'a>>,
    on_train_batch_begin: Option<OnNumber<'a>>,
    on_train_batch_end: Option<OnNumber<'a>>,
    on_test_begin: Option<OnRun<'a>>,
    on_test_end: Option<OnRun<'a>>,
    on_test_batch_begin: Option<OnNumber<'a>>,
    on_test_batch_end: Option<OnNumber<'a>>,
    on_predict_begin: Option<OnRun<'a>>,
    on_predict_end: Option<OnRun<'a>>,
    on_predict_batch_begin: Option<OnNumber<'a>>,
    on_predict_batch_end: Option<OnNumber<'a>>,
}

/// A builder method for each function, and the method of [`Callback`] that calls it.
macro_rules! functions {
    ($($(#[$doc:meta])* $method:ident($($name:ident: $Type:ty),*);)*) => {
        impl<'a> LambdaCallback<'a> {
            /// Does nothing yet.
            pub fn new() -> Self {
                LambdaCallback::default()
            }

            $(
                $(#[$doc])*
                pub fn $method(
                    mut self,
                    call: impl FnMut(&mut Training<'_>, $($Type),*) -> Result<()> + 'a,
                ) -> Self {
                    self.$method = Some(Box::new(call));
                    self
                }
            )*

            fn names(&self) -> Vec<&'static str> {
                let set = [$((stringify!($method), self.$method.is_some())),*];
                set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
            }
        }

        impl Callback for LambdaCallback<'_> {
            fn class_name(&self) -> &'static str {
                "LambdaCallback"
            }
            $(
                fn $method(&mut self, training: &mut Training<'_>, $($name: $Type),*) -> Result<()> {
                    self.$method.as_mut().map_or(Ok(()), |call| call(training, $($name),*))
                }
            )*
        }
    };
}

functions! {
    /// Sets what happens before the first epoch.
    on_train_begin();
    /// Sets what happens after the last epoch.
    on_train_end();
    /// Sets what happens before each epoch.
    on_epoch_begin(epoch: usize);
    /// Sets what happens after each epoch.
    on_epoch_end(epoch: usize, logs: &mut Metrics);
    /// Sets what happens before each batch.
    on_train_batch_begin(batch: usize);
    /// Sets what happens after each batch.
    on_train_batch_end(batch: usize);
    /// Sets what happens before each evaluation or validation.
    on_test_begin();
    /// Sets what happens after each evaluation or validation.
    on_test_end();
    /// Sets what happens before each batch of an evaluation.
    on_test_batch_begin(batch: usize);
    /// Sets what happens after each batch of an evaluation.
    on_test_batch_end(batch: usize);
    /// Sets what happens before predictions.
    on_predict_begin();
    /// Sets what happens after predictions.
    on_predict_end();
    /// Sets what happens before each batch of predictions.
    on_predict_batch_begin(batch: usize);
    /// Sets what happens after each batch of predictions.
    on_predict_batch_end(batch: usize);
}

impl fmt::Debug for LambdaCallback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LambdaCallback").field(&self.names()).finish()
    }
}
