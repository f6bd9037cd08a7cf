use kerros_core::{Error, ErrorKind, Result};

use super::monitor::{Direction, Monitor};
use super::{Callback, CallbackState};
use crate::object::ConfigReader;
use crate::trainer::{Metrics, Training};

/// Makes the learning rate smaller when a number has not become better for some epochs.
///
/// The learning rate of each epoch is added to the history.
///
/// # Parameters
/// - `monitor`: the number to watch. Default: `val_loss`.
/// - `factor`: what the rate is multiplied by, below 1. Default: 0.1.
/// - `patience`: after how many epochs without improvement the rate is reduced. Default: 10.
/// - `direction`: Keras's `mode`. Default: by the name.
/// - `min_delta`: smaller changes are none. Default: 1e-4.
/// - `cooldown`: epochs to wait after a reduction. Default: 0.
/// - `min_lr`: the rate goes no lower. Default: 0.
/// - `verbose`: whether it says what it does. Default: `false`.
///
/// # Example
/// ```
/// use kerros::Fit;
/// use kerros::callbacks::ReduceLROnPlateau;
/// let halve = ReduceLROnPlateau::new().monitor("loss").factor(0.5).patience(5).min_lr(1e-5);
/// let fit = Fit::epochs(100).callback(halve);
/// ```
#[derive(Clone, Debug)]
pub struct ReduceLROnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: usize,
    cooldown: usize,
    min_lr: f64,
    verbose: bool,
    wait: usize,
    cooling: usize,
    best: Option<f64>,
}

impl ReduceLROnPlateau {
    /// A tenth of the rate after ten epochs in which `val_loss` did not fall.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ReduceLROnPlateau {
            monitor: Monitor::new("val_loss", 1e-4),
            factor: 0.1,
            patience: 10,
            cooldown: 0,
            min_lr: 0.0,
            verbose: false,
            wait: 0,
            cooling: 0,
            best: None,
        }
    }

    /// Sets the number to watch.
    pub fn monitor(mut self, name: impl Into<String>) -> Self {
        self.monitor.name = name.into();
        self
    }

    /// Sets what the rate is multiplied by.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Sets after how many epochs without improvement the rate is reduced. Default: 10.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// Sets what counts as better.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.monitor.direction = direction;
        self
    }

    /// Sets the smallest change that counts as an improvement. Default: 1e-4.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.monitor.min_delta = min_delta;
        self
    }

    /// Sets how many epochs pass after a reduction before watching goes on.
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }

    /// Sets what the rate does not fall below.
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }

    /// Sets whether it says what it does, on stderr.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// The callback that these arguments describe.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        let mut reduce = ReduceLROnPlateau::new();
        reduce.monitor = Monitor::from_config(reader, reduce.monitor);
        reduce.factor = reader.maybe_f64("factor").unwrap_or(reduce.factor);
        reduce.patience = reader.maybe_usize("patience").unwrap_or(reduce.patience);
        reduce.cooldown = reader.maybe_usize("cooldown").unwrap_or(0);
        reduce.min_lr = reader.maybe_f64("min_lr").unwrap_or(0.0);
        reduce.verbose = reader.bool("verbose", false);
        reduce
    }
}

impl Callback for ReduceLROnPlateau {
    fn class_name(&self) -> &'static str {
        "ReduceLROnPlateau"
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        if !(0.0..1.0).contains(&self.factor) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("ReduceLROnPlateau with the factor {}", self.factor),
            )
            .expected("a factor below 1"));
        }
        (self.wait, self.cooling, self.best) = (0, 0, None);
        self.monitor.settle(training)
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        let rate = training.learning_rate()?;
        logs.set("learning_rate", f64::from(rate));
        let Some(value) = self.monitor.value(training, logs) else { return Ok(()) };
        if self.cooling > 0 {
            self.cooling -= 1;
            self.wait = 0;
        }
        if self.monitor.is_better(value, self.best) {
            self.best = Some(value);
            self.wait = 0;
        } else if self.cooling == 0 {
            self.wait += 1;
            // Keras compares with the bound as the `f32` that the rate would become.
            if self.wait >= self.patience && rate > self.min_lr as f32 {
                let lower = (f64::from(rate) * self.factor).max(self.min_lr);
                training.set_learning_rate(lower as f32)?;
                if self.verbose {
                    training.say(&format!(
                        "Epoch {}: ReduceLROnPlateau reducing learning rate to {lower}.",
                        epoch + 1
                    ));
                }
                self.cooling = self.cooldown;
                self.wait = 0;
            }
        }
        Ok(())
    }

    fn state(&self) -> CallbackState {
        let mut state = CallbackState::default();
        state.set_count("wait", self.wait);
        state.set_count("cooling", self.cooling);
        state.set_number("best", self.best);
        state
    }

    fn restore(&mut self, state: &CallbackState) -> Result<()> {
        self.wait = state.count("wait")?;
        self.cooling = state.count("cooling")?;
        self.best = state.number("best")?;
        Ok(())
    }
}
