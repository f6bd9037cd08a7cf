//! Training over epochs.

use std::collections::BTreeMap;

use kerros_core::{Error, ErrorKind, Origin, Result};
use kerros_data::{Batches, Samples};

use super::Mode;
use super::arrays::{Arrays, ClassWeights};
use super::history::History;
use super::per_output::PerOutput;
use super::training::{Training, TrainingSize};
use crate::callbacks::{Callback, ProgbarLogger};
use crate::model::Model;

/// How much a run says on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Verbose {
    /// A bar where stderr is a terminal, else a line per epoch.
    #[default]
    Auto,
    /// Nothing.
    Silent,
    /// A bar per epoch.
    Bar,
    /// A line per epoch.
    Line,
}

/// How to fit.
///
/// ```
/// use kerros::{Fit, Verbose};
/// let how = Fit::epochs(20).batch_size(32).shuffle(true).verbose(Verbose::Silent);
/// ```
pub struct Fit<'a> {
    epochs: usize,
    batch_size: usize,
    validation: Option<Samples>,
    validation_split: Option<f64>,
    validation_batch_size: Option<usize>,
    validation_freq: usize,
    shuffle: bool,
    seed: Option<u64>,
    class_weight: Option<PerOutput<ClassWeights>>,
    verbose: Verbose,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    initial_epoch: usize,
    origin: Origin,
}

impl<'a> Fit<'a> {
    /// So many times over the data; in batches of 32 rows, shuffled.
    #[track_caller]
    pub fn epochs(epochs: usize) -> Self {
        Fit {
            epochs,
            batch_size: 32,
            validation: None,
            validation_split: None,
            validation_batch_size: None,
            validation_freq: 1,
            shuffle: true,
            seed: None,
            class_weight: None,
            verbose: Verbose::Auto,
            callbacks: Vec::new(),
            initial_epoch: 0,
            origin: Origin::here(),
        }
    }

    /// Sets how many rows make one step. Default: 32.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Sets data to evaluate after each epoch.
    pub fn validation(mut self, data: impl Into<Samples>) -> Self {
        self.validation = Some(data.into());
        self
    }

    /// Sets this share of the data aside for validation: the last rows, before shuffling, as
    /// Keras does. Between 0 and 1.
    pub fn validation_split(mut self, share: f64) -> Self {
        self.validation_split = Some(share);
        self
    }

    /// Sets how many rows are evaluated at a time. Default: the batch size.
    pub fn validation_batch_size(mut self, batch_size: usize) -> Self {
        self.validation_batch_size = Some(batch_size);
        self
    }

    /// Sets after how many epochs each validation comes. Default: 1.
    pub fn validation_freq(mut self, epochs: usize) -> Self {
        self.validation_freq = epochs;
        self
    }

    /// Sets whether rows come in another order in each epoch. Default: `true`.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Sets the seed of the order of rows. Default: the model's.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets how much the rows of each class count, 1 for those not named. Weights of samples
    /// are multiplied by it. With several outputs they hold for each; see
    /// [`Fit::class_weights`].
    pub fn class_weight(mut self, weights: impl IntoIterator<Item = (i64, f32)>) -> Self {
        self.class_weight = Some(PerOutput::All(weights.into_iter().collect()));
        self
    }

    /// As [`Fit::class_weight`], for each output its own.
    pub fn class_weights(mut self, weights: PerOutput<BTreeMap<i64, f32>>) -> Self {
        self.class_weight = Some(weights);
        self
    }

    /// Sets how much is said on stderr.
    pub fn verbose(mut self, verbose: Verbose) -> Self {
        self.verbose = verbose;
        self
    }

    /// Adds a callback; lend it (`&mut`) to look at it afterwards.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Sets the number of the first epoch, for runs that go on where another ended.
    pub fn initial_epoch(mut self, epoch: usize) -> Self {
        self.initial_epoch = epoch;
        self
    }
}

impl Model {
    /// Trains over epochs of batches, and returns loss and metrics of each epoch.
    ///
    /// # Errors
    /// A model that is not compiled; data that do not fit (see [`super::checks`]), before
    /// anything is trained; what a callback returns.
    pub fn fit(&mut self, data: impl Into<Samples>, fit: Fit<'_>) -> Result<History> {
        let origin = fit.origin.clone();
        self.fit_checked(data.into(), fit).map_err(|error| error.at(&origin))
    }

    fn fit_checked(&mut self, data: Samples, mut fit: Fit<'_>) -> Result<History> {
        self.compiled()?;
        if fit.validation_freq == 0 {
            return Err(Error::new(ErrorKind::Argument, "validation every 0 epochs")
                .expected("a validation_freq of at least 1"));
        }
        let (train, validation) = self.split(data, &mut fit)?;
        let mut arrays = self.arrays(&train, "fit")?;
        if let Some(classes) = &fit.class_weight {
            arrays.weigh_classes(&self.network.output_names(), classes)?;
        }
        let validation =
            validation.map(|samples| self.arrays(&samples, "validation")).transpose()?;
        let batches = Batches::new(arrays.rows, fit.batch_size)?;
        let seed = *self.seed.get_or_insert_with(crate::model::seed::next_seed);
        let batches = match fit.shuffle {
            true => batches.shuffle(fit.seed.unwrap_or(seed)),
            false => batches,
        };
        if fit.verbose != Verbose::Silent {
            fit.callbacks.push(Box::new(ProgbarLogger::new(fit.verbose)));
        }
        let size = TrainingSize {
            epochs: fit.epochs,
            steps: batches.num_batches(),
            batch_size: batches.batch_size(),
        };
        let mut callbacks = std::mem::take(&mut fit.callbacks);
        let mut training = Training::new(self, size);
        let mut run = Epochs { arrays: &arrays, validation: validation.as_ref(), batches, fit };
        let trained = run.run(&mut training, &mut callbacks);
        // However training ended, callbacks learn of it: best weights are put back by them.
        let ended =
            callbacks.iter_mut().try_for_each(|callback| callback.on_train_end(&mut training));
        let history = trained?;
        ended?;
        Ok(history)
    }

    /// The rows to train on, and those to validate by.
    fn split(&mut self, data: Samples, fit: &mut Fit<'_>) -> Result<(Samples, Option<Samples>)> {
        match (fit.validation.take(), fit.validation_split) {
            (Some(_), Some(_)) => Err(Error::new(
                ErrorKind::Argument,
                "both validation data and a validation split were given",
            )
            .expected("one of them")),
            (Some(validation), None) => Ok((data, Some(validation))),
            (None, Some(share)) => {
                let (train, validation) = kerros_data::validation_split(&data, share)?;
                let tail = |target| kerros_data::tail_differs(target, train.num_rows());
                if let Some(warning) = data.targets.first().and_then(tail) {
                    self.warnings.warn(&warning);
                }
                Ok((train, Some(validation)))
            }
            (None, None) => Ok((data, None)),
        }
    }
}

/// The run of one `fit`.
struct Epochs<'d, 'f> {
    arrays: &'d Arrays,
    validation: Option<&'d Arrays>,
    batches: Batches,
    fit: Fit<'f>,
}

type Callbacks<'a> = Vec<Box<dyn Callback + 'a>>;

impl Epochs<'_, '_> {
    fn run(
        &mut self,
        training: &mut Training<'_>,
        callbacks: &mut Callbacks<'_>,
    ) -> Result<History> {
        let mut history = History::default();
        callbacks.iter_mut().try_for_each(|callback| callback.on_train_begin(training))?;
        let first = self.fit.initial_epoch;
        // Orders of rows go on from one `fit` to the next, unless the epoch is told.
        let done = if first > 0 { 0 } else { training.model.epochs_done };
        for epoch in first..self.fit.epochs {
            training.epoch = epoch;
            training.model.reset_metrics()?;
            callbacks.iter_mut().try_for_each(|c| c.on_epoch_begin(training, epoch))?;
            self.train_epoch(done + epoch as u64, training, callbacks)?;
            let mut logs = training.model.read_metrics()?;
            training.model.epochs_done = done + epoch as u64 + 1;
            if let Some(validation) = self.validation
                && (epoch + 1).is_multiple_of(self.fit.validation_freq)
            {
                let batch_size = self.fit.validation_batch_size.unwrap_or(self.fit.batch_size);
                let found = training.model.evaluate_arrays(validation, batch_size)?;
                found.iter().for_each(|(name, value)| logs.set(format!("val_{name}"), value));
                logs = logs.sorted();
            }
            for callback in callbacks.iter_mut() {
                callback.on_epoch_end(training, epoch, &mut logs)?;
            }
            history.record(epoch, &logs);
            if training.is_stopped() {
                break;
            }
        }
        if self.fit.epochs > first {
            training.model.finish_weights()?;
        }
        Ok(history)
    }

    /// One pass over the data.
    fn train_epoch(
        &mut self,
        order: u64,
        training: &mut Training<'_>,
        callbacks: &mut Callbacks<'_>,
    ) -> Result<()> {
        let mut feeds = Vec::with_capacity(self.arrays.inputs.len() + 2);
        let mut known: Option<(usize, usize)> = None;
        for (at, batch) in self.batches.epoch(order).enumerate() {
            training.batch = at;
            for callback in callbacks.iter_mut() {
                callback.on_train_batch_begin(training, at)?;
            }
            let rows = batch.len();
            self.arrays.feeds(batch, &mut feeds);
            let index = match known {
                Some((size, index)) if size == rows => index,
                _ => training.model.run_for(&self.arrays.key(Mode::Train, rows))?,
            };
            known = Some((rows, index));
            training.model.run_batch(index, &feeds)?;
            for callback in callbacks.iter_mut() {
                callback.on_train_batch_end(training, at)?;
            }
            if training.is_stopped() {
                break;
            }
        }
        Ok(())
    }
}
