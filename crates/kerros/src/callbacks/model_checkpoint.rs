use std::path::Path;

use kerros_core::{Error, ErrorKind, Result};

use super::monitor::{Direction, Monitor};
use super::placeholders::{self, Value};
use super::save_freq::{BatchCounter, SaveFreq};
use super::{Callback, CallbackState};
use crate::object::ConfigReader;
use crate::trainer::{Metrics, Training};

/// Saves the model, or its weights, as training goes on: always, or when it is better than
/// before.
///
/// Each file is written whole or not at all; a folder that is not there is made. What is best so
/// far is taken up again with a [`super::BackupAndRestore`]; without one, a second run starts with
/// `initial_value_threshold`, so that a worse model does not overwrite a better one.
///
/// # Parameters
/// - `path`: the file, ending in `.keras`, or in `.weights.h5` when only weights are saved. It may
///   have Python's placeholders, filled with `epoch` (from 1), `batch` (from 1, when saving after
///   batches) and the numbers of the moment: `{epoch:02d}-{val_loss:.2f}.keras`.
/// - `monitor`: the number that says what is better. Default: `val_loss`.
/// - `direction`: Keras's `mode`. Default: by the name.
/// - `save_best_only`: whether to save only what is better than before. Default: `false`.
/// - `save_weights_only`: default `false`.
/// - `save_freq`: after every epoch, or after so many batches. Default: every epoch.
/// - `initial_value_threshold`: what the first model must be better than. Default: anything.
/// - `verbose`: whether it says what it does. Default: `false`.
///
/// # Errors
/// [`ErrorKind::Argument`] from `fit` for a file name without the right ending or with a
/// placeholder that nothing is reported for; [`ErrorKind::Io`] when writing fails.
///
/// # Example
/// ```
/// use kerros::Fit;
/// use kerros::callbacks::ModelCheckpoint;
/// let best = ModelCheckpoint::new("best.keras").monitor("val_accuracy").save_best_only(true);
/// let all = ModelCheckpoint::new("epochs/{epoch:02d}.weights.h5").save_weights_only(true);
/// let fit = Fit::epochs(10).validation_split(0.2).callback(best).callback(all);
/// ```
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    path: String,
    monitor: Monitor,
    save_best_only: bool,
    save_weights_only: bool,
    save_freq: SaveFreq,
    verbose: bool,
    best: Option<f64>,
    batches: BatchCounter,
}

impl ModelCheckpoint {
    /// Saves to this path after every epoch.
    pub fn new(path: impl Into<String>) -> Self {
        ModelCheckpoint {
            path: path.into(),
            monitor: Monitor::new("val_loss", 0.0),
            save_best_only: false,
            save_weights_only: false,
            save_freq: SaveFreq::Epoch,
            verbose: false,
            best: None,
            batches: BatchCounter::default(),
        }
    }

    /// Sets the number that says what is better.
    pub fn monitor(mut self, name: impl Into<String>) -> Self {
        self.monitor.name = name.into();
        self
    }

    /// Sets what counts as better.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.monitor.direction = direction;
        self
    }

    /// Sets whether to save only what is better than before.
    pub fn save_best_only(mut self, save_best_only: bool) -> Self {
        self.save_best_only = save_best_only;
        self
    }

    /// Sets whether to save the weights alone, with the optimizer's state.
    pub fn save_weights_only(mut self, save_weights_only: bool) -> Self {
        self.save_weights_only = save_weights_only;
        self
    }

    /// Sets when to save: [`SaveFreq::Epoch`], or a number of batches.
    pub fn save_freq(mut self, save_freq: impl Into<SaveFreq>) -> Self {
        self.save_freq = save_freq.into();
        self
    }

    /// Sets what the first model must be better than to be saved.
    pub fn initial_value_threshold(mut self, threshold: f64) -> Self {
        self.best = Some(threshold);
        self
    }

    /// Sets whether it says what it does, on stderr.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// The best value so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// The callback that these arguments describe.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        let mut checkpoint = ModelCheckpoint::new(reader.required_string("filepath"));
        checkpoint.monitor = Monitor::from_config(reader, checkpoint.monitor);
        checkpoint.save_best_only = reader.bool("save_best_only", false);
        checkpoint.save_weights_only = reader.bool("save_weights_only", false);
        checkpoint.save_freq = SaveFreq::from_config(reader);
        checkpoint.best = reader.maybe_f64("initial_value_threshold");
        checkpoint.verbose = reader.bool("verbose", false);
        checkpoint
    }

    /// The file for this moment.
    fn file(&self, epoch: usize, batch: Option<usize>, logs: &Metrics) -> Result<String> {
        let value = |name: &str| match (name, batch) {
            ("epoch", _) => Some(Value::Whole(epoch as i64 + 1)),
            ("batch", Some(batch)) => Some(Value::Whole(batch as i64 + 1)),
            _ => logs.get(name).map(Value::Float),
        };
        placeholders::fill(&self.path, value).map_err(|error| {
            let names: Vec<&str> = logs.names().collect();
            error
                .expected(format!("placeholders of epoch, {}", names.join(", ")))
                .context(format!("ModelCheckpoint, the file name `{}`", self.path))
        })
    }

    /// Whether the model is to be saved; takes note of a better value.
    fn is_wanted(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &Metrics,
        file: &str,
    ) -> bool {
        let epoch = epoch + 1;
        if !self.save_best_only {
            if self.verbose {
                training.say(&format!("Epoch {epoch}: saving model to {file}"));
            }
            return true;
        }
        // Without the number there is no best: Keras saves then, and so does this.
        let Some(value) = self.monitor.value(training, logs) else { return true };
        let name = &self.monitor.name;
        let before = self.best.map_or("None".into(), |best| format!("{best:.5}"));
        let is_better = self.monitor.is_better(value, self.best);
        if self.verbose {
            training.say(&match is_better {
                true => format!(
                    "Epoch {epoch}: {name} improved from {before} to {value:.5}, saving model to \
                     {file}"
                ),
                false => format!("Epoch {epoch}: {name} did not improve from {before}"),
            });
        }
        if is_better {
            self.best = Some(value);
        }
        is_better
    }

    fn save(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        batch: Option<usize>,
        logs: &Metrics,
    ) -> Result<()> {
        let file = self.file(epoch, batch, logs)?;
        if !self.is_wanted(training, epoch, logs, &file) {
            return Ok(());
        }
        let here = |error: Error| error.context("ModelCheckpoint");
        let path = Path::new(&file);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                let message = format!("the folder `{}` cannot be made", folder.display());
                here(Error::new(ErrorKind::Io, message).caused_by(error))
            })?;
        }
        match self.save_weights_only {
            true => training.model().save_weights(path).map_err(here),
            false => training.model().save(path).map_err(here),
        }
    }
}

impl Callback for ModelCheckpoint {
    fn class_name(&self) -> &'static str {
        "ModelCheckpoint"
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.save_freq.check("ModelCheckpoint")?;
        let ending = if self.save_weights_only { ".weights.h5" } else { ".keras" };
        if !self.path.ends_with(ending) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("ModelCheckpoint with the file name `{}`", self.path),
            )
            .expected(format!("a name that ends in `{ending}`"))
            .hint(match self.save_weights_only {
                true => "leave `save_weights_only` away to save whole models",
                false => "`save_weights_only(true)` saves `.weights.h5` files",
            }));
        }
        match self.save_best_only {
            true => self.monitor.settle(training),
            false => Ok(()),
        }
    }

    fn on_train_batch_end(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        if !self.batches.is_due(self.save_freq, batch) {
            return Ok(());
        }
        let logs = training.logs()?;
        self.save(training, training.epoch(), Some(batch), &logs)
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        match self.save_freq {
            SaveFreq::Epoch => self.save(training, epoch, None, logs),
            SaveFreq::Batches(_) => Ok(()),
        }
    }

    fn state(&self) -> CallbackState {
        let mut state = CallbackState::default();
        state.set_number("best", self.best);
        self.batches.keep(&mut state);
        state
    }

    fn restore(&mut self, state: &CallbackState) -> Result<()> {
        self.best = state.number("best")?;
        self.batches = BatchCounter::restored(state)?;
        Ok(())
    }
}
