//! Training over epochs.

use std::collections::BTreeMap;

use kerros_core::{Error, ErrorKind, Origin, Result};
use kerros_data::{BatchSource, Batches, Samples};

use super::arrays::{Arrays, ClassWeights};
use super::per_output::PerOutput;
use super::stream::Stream;
use super::training::{Moment, Training, TrainingSize};
use super::{Backup, History, Mode, Progress, RunFingerprint, ValidationFreq};
use crate::callbacks::{Callback, CallbackList, ProgbarLogger};
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
    pub(super) epochs: usize,
    pub(super) batch_size: Option<usize>,
    pub(super) steps_per_epoch: Option<usize>,
    validation: Option<Validation<'a>>,
    validation_split: Option<f64>,
    validation_batch_size: Option<usize>,
    validation_steps: Option<usize>,
    validation_freq: ValidationFreq,
    pub(super) shuffle: bool,
    pub(super) seed: Option<u64>,
    class_weight: Option<PerOutput<ClassWeights>>,
    verbose: Verbose,
    callbacks: CallbackList<'a>,
    initial_epoch: usize,
    origin: Origin,
}

/// What a run is watched by.
enum Validation<'a> {
    Samples(Samples),
    Source(Box<dyn BatchSource + 'a>),
}

impl<'a> Fit<'a> {
    /// So many times over the data; in batches of 32 rows, shuffled.
    #[track_caller]
    pub fn epochs(epochs: usize) -> Self {
        Fit {
            epochs,
            batch_size: None,
            steps_per_epoch: None,
            validation: None,
            validation_split: None,
            validation_batch_size: None,
            validation_steps: None,
            validation_freq: ValidationFreq::Every(1),
            shuffle: true,
            seed: None,
            class_weight: None,
            verbose: Verbose::Auto,
            callbacks: CallbackList::new(),
            initial_epoch: 0,
            origin: Origin::here(),
        }
    }

    /// Sets how many rows make one step. Default: 32; with [`Fit::steps_per_epoch`] as many as
    /// make that many steps of all rows.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Sets how many steps an epoch has. Default: one pass over the data. The next epoch goes on
    /// where this one ended; data that run out end an epoch early, with a warning.
    pub fn steps_per_epoch(mut self, steps: usize) -> Self {
        self.steps_per_epoch = Some(steps);
        self
    }

    /// Sets data to evaluate after each epoch.
    pub fn validation(mut self, data: impl Into<Samples>) -> Self {
        self.validation = Some(Validation::Samples(data.into()));
        self
    }

    /// Sets batches to evaluate after each epoch. A source that cannot begin again needs
    /// [`Fit::validation_steps`], and gives other batches each time.
    pub fn validation_batches(mut self, source: impl BatchSource + 'a) -> Self {
        self.validation = Some(Validation::Source(Box::new(source)));
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

    /// Sets how many batches a validation has, from the first on. Default: all.
    pub fn validation_steps(mut self, steps: usize) -> Self {
        self.validation_steps = Some(steps);
        self
    }

    /// Sets after which epochs a validation comes: every so many, or those of a list, counted
    /// from 1. Default: every one.
    pub fn validation_freq(mut self, epochs: impl Into<ValidationFreq>) -> Self {
        self.validation_freq = epochs.into();
        self
    }

    /// Sets whether rows come in another order in each epoch. Default: `true`. Batches of a
    /// source come as the source gives them.
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
    /// are multiplied by it (Keras refuses the two together). With several outputs they hold
    /// for each; see [`Fit::class_weights`].
    pub fn class_weight(mut self, weights: impl IntoIterator<Item = (i64, f32)>) -> Self {
        let weights: ClassWeights = weights.into_iter().collect();
        self.class_weight = (!weights.is_empty()).then_some(PerOutput::All(weights));
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
        self.callbacks.push(callback);
        self
    }

    /// Sets the number of the first epoch, for runs that go on where another ended.
    pub fn initial_epoch(mut self, epoch: usize) -> Self {
        self.initial_epoch = epoch;
        self
    }
}

/// Rows of a batch: as told, or so many that `steps` of them are all rows, or 32.
pub(super) fn rows_per_batch(told: Option<usize>, steps: Option<usize>, rows: usize) -> usize {
    const DEFAULT: usize = 32;
    match (told, steps) {
        (Some(batch_size), _) => batch_size,
        (None, Some(steps)) => rows.div_ceil(steps.max(1)),
        (None, None) => DEFAULT,
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
        self.fit_samples(data.into(), fit).map_err(|error| error.at(&origin))
    }

    /// Trains on batches from a source: an iterator, or something that can begin again (see
    /// [`BatchSource`]).
    ///
    /// A source that cannot begin again goes on from epoch to epoch: say with
    /// [`Fit::steps_per_epoch`] how many batches make one. A run ends, with a warning, when an
    /// epoch finds no batch left.
    ///
    /// # Errors
    /// As [`Model::fit`]; a mistake in a batch when it comes; a source that gives none.
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// let batches = (0..).map(|at| {
    ///     let x = Tensor::full([8, 1], (at % 5) as f32);
    ///     (x.clone(), x)
    /// });
    /// let mut model = Sequential::new().input([1]).add(Dense::new(1));
    /// model.compile(SGD::new(0.01), "mse", ())?;
    /// let how = Fit::epochs(3).steps_per_epoch(10).verbose(Verbose::Silent);
    /// let history = model.fit_batches(batches, how)?;
    /// assert_eq!(history["loss"].len(), 3);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    pub fn fit_batches(&mut self, source: impl BatchSource, fit: Fit<'_>) -> Result<History> {
        let origin = fit.origin.clone();
        self.fit_source(source, fit).map_err(|error| error.at(&origin))
    }

    fn fit_samples(&mut self, data: Samples, mut fit: Fit<'_>) -> Result<History> {
        self.compiled()?;
        fit.validation_freq.check()?;
        let train = self.split(data, &mut fit)?;
        let mut arrays = self.arrays(&train, "fit")?;
        if let Some(classes) = &fit.class_weight {
            arrays.weigh_classes(&self.network.output_names(), classes)?;
            self.warn_of_absent_classes(&arrays, classes)?;
        }
        let batch_size = rows_per_batch(fit.batch_size, fit.steps_per_epoch, arrays.rows);
        let batches = Batches::new(arrays.rows, batch_size)?;
        let seed = *self.seed.get_or_insert_with(crate::model::seed::next_seed);
        let batches = match fit.shuffle {
            true => batches.shuffle(fit.seed.unwrap_or(seed)),
            false => batches,
        };
        self.fit_stream(Stream::of_arrays(arrays, batches), fit)
    }

    fn fit_source(&mut self, source: impl BatchSource, fit: Fit<'_>) -> Result<History> {
        self.compiled()?;
        fit.validation_freq.check()?;
        if fit.validation_split.is_some() {
            return Err(Error::new(
                ErrorKind::Argument,
                "a validation split of batches from a source",
            )
            .expected("arrays to split")
            .hint("give a part of your own with `.validation(..)` or `.validation_batches(..)`"));
        }
        // A model without input is built, and everything has its states, before the run begins.
        let mut stream = Stream::of_source(Box::new(source), "fit_batches");
        stream = stream.with_class_weight(fit.class_weight.clone());
        let pass = if fit.initial_epoch > 0 { 0 } else { self.epochs_done };
        stream.begin_epoch(pass + fit.initial_epoch as u64, true)?;
        if !stream.draw()? {
            return Err(Error::new(ErrorKind::Data, "the source of batches gave none")
                .expected("at least one batch"));
        }
        stream.prepare(self)?;
        self.fit_stream(stream, fit)
    }

    fn fit_stream(&mut self, train: Stream<'_>, mut fit: Fit<'_>) -> Result<History> {
        let validation = match fit.validation.take() {
            None => None,
            Some(Validation::Source(source)) => Some(Stream::of_source(source, "validation")),
            Some(Validation::Samples(samples)) => {
                let arrays = self.arrays(&samples, "validation")?;
                let told = fit.validation_batch_size.or(fit.batch_size);
                let rows = rows_per_batch(told, fit.validation_steps, arrays.rows);
                let batches = Batches::new(arrays.rows, rows)?;
                Some(Stream::of_arrays(arrays, batches))
            }
        };
        let mut history = History::default();
        let mut callbacks = std::mem::take(&mut fit.callbacks);
        let shows_progress = callbacks.class_names().contains(&"ProgbarLogger");
        callbacks.push(&mut history);
        if fit.verbose != Verbose::Silent && !shows_progress {
            callbacks.push(ProgbarLogger::new(fit.verbose));
        }
        let size = TrainingSize {
            epochs: fit.epochs,
            steps: fit.steps_per_epoch.or(train.num_batches()),
            batch_size: train.batch_size(),
        };
        let mut training = Training::new(self, size);
        let mut run = Epochs { train, validation, fit, has_trained: false, description: None };
        let trained = run.run(&mut training, &mut callbacks);
        // However training ended, the averages are left in the model and callbacks learn of it:
        // best weights are put back by them.
        let finished = match run.has_trained {
            true => training.model.finish_weights(),
            false => Ok(()),
        };
        let ended = trained.and(finished).and_then(|()| callbacks.on_train_end(&mut training));
        if let Err(error) = ended {
            callbacks.on_train_error(&mut training, &error);
            return Err(error);
        }
        drop(callbacks);
        Ok(history)
    }

    /// The rows to train on; those to validate by go into `fit`.
    fn split(&mut self, data: Samples, fit: &mut Fit<'_>) -> Result<Samples> {
        match (&fit.validation, fit.validation_split) {
            (Some(_), Some(_)) => Err(Error::new(
                ErrorKind::Argument,
                "both validation data and a validation split were given",
            )
            .expected("one of them")),
            (None, Some(share)) => {
                let (train, validation) = kerros_data::validation_split(&data, share)?;
                let tail = |target| kerros_data::tail_differs(target, train.num_rows());
                if let Some(warning) = data.targets.first().and_then(tail) {
                    self.warnings.warn(&warning);
                }
                fit.validation = Some(Validation::Samples(validation));
                Ok(train)
            }
            (_, None) => Ok(data),
        }
    }

    /// Says which classes have a weight and no row: a slip such as counting them from 1.
    fn warn_of_absent_classes(
        &mut self,
        arrays: &Arrays,
        weights: &PerOutput<ClassWeights>,
    ) -> Result<()> {
        let names = self.network.output_names();
        let assigned = weights.assign(&names, "class weights")?;
        for (target, weights) in arrays.targets.iter().zip(assigned) {
            let (Some(target), Some(weights)) = (target, weights) else { continue };
            let mut ids = kerros_data::labels::class_ids(target)?;
            ids.sort_unstable();
            ids.dedup();
            let absent: Vec<String> = weights
                .keys()
                .filter(|class| ids.binary_search(class).is_err())
                .map(i64::to_string)
                .collect();
            if !absent.is_empty() {
                const SHOWN: usize = 20;
                let there: Vec<String> = ids.iter().take(SHOWN).map(i64::to_string).collect();
                self.warnings.warn(&format!(
                    "`class_weight` names classes that no row is of: {}\n  expected: some of {}",
                    absent.join(", "),
                    there.join(", ")
                ));
            }
        }
        Ok(())
    }
}

/// The run of one `fit`.
struct Epochs<'d, 'f> {
    train: Stream<'d>,
    validation: Option<Stream<'d>>,
    fit: Fit<'f>,
    /// Whether any step was made, in this process or before it.
    has_trained: bool,
    /// What backups are marked with, when any are kept.
    description: Option<RunFingerprint>,
}

impl Epochs<'_, '_> {
    fn run(&mut self, training: &mut Training<'_>, callbacks: &mut CallbackList<'_>) -> Result<()> {
        callbacks.on_train_begin(training)?;
        let first = self.fit.initial_epoch;
        // Orders of rows go on from one `fit` to the next, unless the epoch is told.
        let base = if first > 0 { 0 } else { training.model.epochs_done };
        let mut progress =
            Progress { epoch: first, base, position: self.train.position(), ..Progress::default() };
        let backup = self.read_backup(training, callbacks)?;
        if let Some(backup) = &backup {
            progress = self.put_back(backup, training, callbacks)?;
            if self.fit.verbose != Verbose::Silent {
                training.say(&match progress.steps {
                    0 => format!("Going on after epoch {}", progress.epoch),
                    steps => format!(
                        "Going on after epoch {} and {steps} steps of the next",
                        progress.epoch
                    ),
                });
            }
        }
        for epoch in progress.epoch..self.fit.epochs {
            if progress.is_stopped && progress.steps == 0 {
                break;
            }
            training.epoch = epoch;
            let taken_up = backup.as_ref().filter(|_| progress.steps > 0);
            let pass = progress.base + epoch as u64;
            if taken_up.is_none() {
                training.model.reset_metrics()?;
                self.train.begin_epoch(pass, self.fit.steps_per_epoch.is_none())?;
            }
            if taken_up.is_none() && !self.train.draw()? {
                training.warn(&format!(
                    "the data ran out: training stops after {epoch} epochs of {}\n  expected: \
                     steps_per_epoch times epochs batches, or a source that can begin again",
                    self.fit.epochs
                ));
                break;
            }
            training.moment = Moment::Settled(Default::default());
            callbacks.on_epoch_begin(training, epoch)?;
            if let Some(backup) = taken_up {
                // The epoch began in another process: what callbacks just did to the model
                // they had done already.
                self.put_back(backup, training, callbacks)?;
            }
            self.train_epoch(
                std::mem::take(&mut progress.steps),
                progress.base,
                training,
                callbacks,
            )?;
            training.model.epochs_done = pass + 1;
            self.end_epoch(training, callbacks)?;
            progress.is_stopped = training.stop;
            let next = Progress { epoch: epoch + 1, ..self.progress(progress.base, training) };
            self.back_up(&next, training, callbacks, |backup, _| backup.is_due_after_epoch())?;
        }
        Ok(())
    }

    /// One pass over the data, or the steps of an epoch, from step `first` on.
    fn train_epoch(
        &mut self,
        first: usize,
        base: u64,
        training: &mut Training<'_>,
        callbacks: &mut CallbackList<'_>,
    ) -> Result<()> {
        training.steps_done = first;
        let steps = self.fit.steps_per_epoch;
        // A run that was stopped in this epoch before it was taken up does not go on.
        while !(training.stop && training.steps_done == first && first > 0) {
            let batch = training.steps_done;
            if steps.is_some_and(|steps| batch >= steps) {
                break;
            }
            if !self.train.draw()? {
                if let Some(steps) = steps {
                    training.warn(&format!(
                        "the data ran out after {batch} of {steps} steps of epoch {}",
                        training.epoch + 1
                    ));
                }
                break;
            }
            training.batch = batch;
            training.moment = Moment::Settled(Default::default());
            callbacks.on_train_batch_begin(training, batch)?;
            self.train.run(training.model, Mode::Train)?;
            self.train.take();
            self.has_trained = true;
            training.steps_done = batch + 1;
            training.moment = Moment::Running;
            callbacks.on_train_batch_end(training, batch)?;
            let progress = Progress { steps: batch + 1, ..self.progress(base, training) };
            self.back_up(&progress, training, callbacks, |backup, batch| {
                backup.is_due_after_batch(batch)
            })?;
            if training.stop {
                break;
            }
        }
        // What was found out about the length of an epoch is shown from here on.
        training.size.steps.get_or_insert(training.steps_done);
        Ok(())
    }

    /// Validation, and what callbacks do at the end of an epoch.
    fn end_epoch(
        &mut self,
        training: &mut Training<'_>,
        callbacks: &mut CallbackList<'_>,
    ) -> Result<()> {
        let epoch = training.epoch;
        let mut logs = training.model.read_metrics()?;
        if let Some(validation) = &mut self.validation
            && self.fit.validation_freq.is_due(epoch)
        {
            let steps = self.fit.validation_steps;
            match training.evaluate(validation, steps, callbacks)? {
                Some(found) => {
                    found.iter().for_each(|(name, value)| logs.set(format!("val_{name}"), value));
                    logs = logs.sorted();
                }
                None => training.warn(&format!(
                    "the validation data ran out: epoch {} has no validation",
                    epoch + 1
                )),
            }
        }
        training.moment = Moment::Settled(logs.clone());
        callbacks.on_epoch_end(training, epoch, &mut logs)
    }

    /// Where the run stands between two batches or epochs.
    fn progress(&self, base: u64, training: &Training<'_>) -> Progress {
        Progress {
            epoch: training.epoch,
            steps: 0,
            base,
            position: self.train.position(),
            is_stopped: training.stop,
        }
    }

    /// Writes backups for those that want one.
    fn back_up(
        &self,
        progress: &Progress,
        training: &mut Training<'_>,
        callbacks: &mut CallbackList<'_>,
        mut is_due: impl FnMut(&mut crate::callbacks::BackupAndRestore, usize) -> bool,
    ) -> Result<()> {
        if self.description.is_none() {
            return Ok(());
        }
        let batch = training.batch;
        let mut is_wanted = false;
        for backup in callbacks.backups() {
            let is_due = is_due(backup, batch);
            is_wanted |= backup.note(is_due);
        }
        let Some(description) = self.description.as_ref().filter(|_| is_wanted) else {
            return Ok(());
        };
        let archive = Backup::take(training, callbacks, progress, description)?;
        callbacks.backups().try_for_each(|backup| backup.write_if_due(&archive))
    }

    /// The backup of a run like this one, if there is one.
    fn read_backup(
        &mut self,
        training: &mut Training<'_>,
        callbacks: &mut CallbackList<'_>,
    ) -> Result<Option<Backup>> {
        if callbacks.backups().next().is_none() {
            return Ok(None);
        }
        let validation = self.validation.as_ref();
        let description =
            RunFingerprint::new(training.model, &self.fit, &self.train, validation, callbacks);
        let description = self.description.insert(description);
        for keeper in callbacks.backups() {
            let Some(archive) = keeper.read(training)? else { continue };
            let folder = keeper.folder().display().to_string();
            let backup = Backup::read(archive)
                .and_then(|backup| backup.check(description).map(|()| backup))
                .map_err(|error| {
                    error
                        .context(format!("taking up the run of the backup in `{folder}`"))
                        .hint(format!("remove the folder `{folder}` to begin anew"))
                })?;
            return Ok(Some(backup));
        }
        Ok(None)
    }

    /// Goes to where another process stood.
    fn put_back(
        &mut self,
        backup: &Backup,
        training: &mut Training<'_>,
        callbacks: &mut CallbackList<'_>,
    ) -> Result<Progress> {
        let progress = backup.put_back(training, callbacks)?;
        if let (true, None, Some(seed)) = (self.fit.shuffle, self.fit.seed, training.model.seed) {
            self.train.shuffle(seed);
        }
        self.train.go_to(progress.position)?;
        training.stop = progress.is_stopped;
        self.has_trained = true;
        Ok(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_as_large_as_the_steps_say() {
        assert_eq!(rows_per_batch(Some(7), Some(2), 100), 7);
        assert_eq!(rows_per_batch(None, Some(3), 100), 34);
        assert_eq!(rows_per_batch(None, Some(0), 100), 100);
        assert_eq!(rows_per_batch(None, None, 100), 32);
    }
}
