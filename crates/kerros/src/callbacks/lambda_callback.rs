use kerros_core::Result;

use super::Callback;
use crate::trainer::{Metrics, Training};

type OnTrain<'a> = Box<dyn FnMut(&mut Training<'_>) -> Result<()> + 'a>;
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
    train_begin: Option<OnTrain<'a>>,
    train_end: Option<OnTrain<'a>>,
    epoch_begin: Option<OnNumber<'a>>,
    epoch_end: Option<OnEpochEnd<'a>>,
    batch_begin: Option<OnNumber<'a>>,
    batch_end: Option<OnNumber<'a>>,
}

impl<'a> LambdaCallback<'a> {
    /// Does nothing yet.
    pub fn new() -> Self {
        LambdaCallback::default()
    }

    /// Sets what happens before the first epoch.
    pub fn on_train_begin(
        mut self,
        call: impl FnMut(&mut Training<'_>) -> Result<()> + 'a,
    ) -> Self {
        self.train_begin = Some(Box::new(call));
        self
    }

    /// Sets what happens after the last epoch.
    pub fn on_train_end(mut self, call: impl FnMut(&mut Training<'_>) -> Result<()> + 'a) -> Self {
        self.train_end = Some(Box::new(call));
        self
    }

    /// Sets what happens before each epoch.
    pub fn on_epoch_begin(
        mut self,
        call: impl FnMut(&mut Training<'_>, usize) -> Result<()> + 'a,
    ) -> Self {
        self.epoch_begin = Some(Box::new(call));
        self
    }

    /// Sets what happens after each epoch.
    pub fn on_epoch_end(
        mut self,
        call: impl FnMut(&mut Training<'_>, usize, &mut Metrics) -> Result<()> + 'a,
    ) -> Self {
        self.epoch_end = Some(Box::new(call));
        self
    }

    /// Sets what happens before each batch.
    pub fn on_train_batch_begin(
        mut self,
        call: impl FnMut(&mut Training<'_>, usize) -> Result<()> + 'a,
    ) -> Self {
        self.batch_begin = Some(Box::new(call));
        self
    }

    /// Sets what happens after each batch.
    pub fn on_train_batch_end(
        mut self,
        call: impl FnMut(&mut Training<'_>, usize) -> Result<()> + 'a,
    ) -> Self {
        self.batch_end = Some(Box::new(call));
        self
    }
}

impl Callback for LambdaCallback<'_> {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.train_begin.as_mut().map_or(Ok(()), |call| call(training))
    }
    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.train_end.as_mut().map_or(Ok(()), |call| call(training))
    }
    fn on_epoch_begin(&mut self, training: &mut Training<'_>, epoch: usize) -> Result<()> {
        self.epoch_begin.as_mut().map_or(Ok(()), |call| call(training, epoch))
    }
    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        self.epoch_end.as_mut().map_or(Ok(()), |call| call(training, epoch, logs))
    }
    fn on_train_batch_begin(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        self.batch_begin.as_mut().map_or(Ok(()), |call| call(training, batch))
    }
    fn on_train_batch_end(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        self.batch_end.as_mut().map_or(Ok(()), |call| call(training, batch))
    }
}
