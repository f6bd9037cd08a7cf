//! Loss, metrics and weights for TensorBoard, in event files of our own writing.

use std::path::PathBuf;
use std::time::Instant;

use kerros_core::{Error, ErrorKind, Result};

use super::{Callback, CallbackState};
use crate::metrics::MetricValue;
use crate::object::ConfigReader;
use crate::trainer::{Metrics, Training};

mod event_file;
mod histogram;
mod protobuf;
mod records;

pub use event_file::EventFile;

/// When loss and metrics are written beside the end of each epoch: Keras's `update_freq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UpdateFreq {
    /// At no other time.
    #[default]
    Epoch,
    /// After every batch.
    Batch,
    /// After every so many batches.
    Batches(usize),
}

/// Writes loss, metrics and weights for TensorBoard: `tensorboard --logdir logs`.
///
/// Numbers of training go to the folder `train`, those of validation to `validation`, under
/// Keras's names: `epoch_loss` and `epoch_learning_rate` by epoch, `batch_loss` by batch,
/// `evaluation_loss_vs_iterations` by step of the optimizer. With `update_freq` Keras drops the
/// numbers of epochs that end between two updates; here they are all written.
///
/// # Parameters
/// - `log_dir`: where to write. Default: `logs`.
/// - `histogram_freq`: every how many epochs to write how the weights are spread; 0 for never.
///   Default: 0.
/// - `update_freq`: when to write besides at the end of epochs. Default: never.
/// - `write_steps_per_second`: default `false`.
/// - `write_graph`: there is no TensorFlow graph to write; `true` is answered by a warning.
///   Default: `false`.
///
/// # Errors
/// [`ErrorKind::Io`] from `fit` when files cannot be written; [`ErrorKind::Argument`] for an
/// update every 0 batches.
///
/// # Example
/// ```
/// use kerros::Fit;
/// use kerros::callbacks::TensorBoard;
/// let fit = Fit::epochs(10).callback(TensorBoard::new("logs/first").histogram_freq(1));
/// ```
#[derive(Debug)]
pub struct TensorBoard {
    log_dir: PathBuf,
    histogram_freq: usize,
    update_freq: UpdateFreq,
    write_steps_per_second: bool,
    write_graph: bool,
    train: Option<EventFile>,
    validation: Option<EventFile>,
    /// Batches trained in this run.
    batches: usize,
    epoch_began: Instant,
    /// Steps of the optimizer before the epoch.
    epoch_steps: u64,
    batch_began: Instant,
}

impl TensorBoard {
    /// Writes to this folder at the end of every epoch.
    pub fn new(log_dir: impl Into<PathBuf>) -> Self {
        let now = Instant::now();
        TensorBoard {
            log_dir: log_dir.into(),
            histogram_freq: 0,
            update_freq: UpdateFreq::Epoch,
            write_steps_per_second: false,
            write_graph: false,
            train: None,
            validation: None,
            batches: 0,
            epoch_began: now,
            epoch_steps: 0,
            batch_began: now,
        }
    }

    /// Sets every how many epochs histograms of the weights are written.
    pub fn histogram_freq(mut self, epochs: usize) -> Self {
        self.histogram_freq = epochs;
        self
    }

    /// Sets when to write besides at the end of epochs.
    pub fn update_freq(mut self, update_freq: UpdateFreq) -> Self {
        self.update_freq = update_freq;
        self
    }

    /// Sets whether to write how many steps are made per second.
    pub fn write_steps_per_second(mut self, write: bool) -> Self {
        self.write_steps_per_second = write;
        self
    }

    /// Sets whether to write a graph: there is none, and a warning says so.
    pub fn write_graph(mut self, write: bool) -> Self {
        self.write_graph = write;
        self
    }

    /// The callback that these arguments describe.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        let mut board = TensorBoard::new(reader.maybe_string("log_dir").unwrap_or("logs".into()));
        board.histogram_freq = reader.maybe_usize("histogram_freq").unwrap_or(0);
        board.write_steps_per_second = reader.bool("write_steps_per_second", false);
        board.write_graph = reader.bool("write_graph", false);
        board.update_freq = match reader.value("update_freq") {
            None => UpdateFreq::Epoch,
            Some(value) => match (value.as_str(), value.as_u64()) {
                (Some("epoch"), _) => UpdateFreq::Epoch,
                (Some("batch"), _) => UpdateFreq::Batch,
                (_, Some(batches)) => UpdateFreq::Batches(batches as usize),
                _ => {
                    reader.refuse(format!(
                        "`update_freq` is {value}, expected \"epoch\", \"batch\" or a number of \
                         batches"
                    ));
                    UpdateFreq::Epoch
                }
            },
        };
        board
    }

    fn every(&self) -> Option<usize> {
        match self.update_freq {
            UpdateFreq::Epoch => None,
            UpdateFreq::Batch => Some(1),
            UpdateFreq::Batches(batches) => Some(batches),
        }
    }

    fn train(&mut self) -> Result<&mut EventFile> {
        opened(&mut self.train, &self.log_dir, "train")
    }

    fn validation(&mut self) -> Result<&mut EventFile> {
        opened(&mut self.validation, &self.log_dir, "validation")
    }

    fn write_epoch(
        &mut self,
        training: &mut Training<'_>,
        epoch: u64,
        logs: &Metrics,
    ) -> Result<()> {
        let rate = training.learning_rate()?;
        let steps_per_second = match self.write_steps_per_second {
            true => {
                let steps = training.iterations()?.saturating_sub(self.epoch_steps);
                Some(steps as f64 / self.epoch_began.elapsed().as_secs_f64())
            }
            false => None,
        };
        let train = self.train()?;
        for (name, value) in logs.iter().filter(|(name, _)| !name.starts_with("val_")) {
            write(train, &format!("epoch_{name}"), epoch, value)?;
        }
        if logs.get("learning_rate").is_none() {
            train.scalar("epoch_learning_rate", epoch, rate.into())?;
        }
        if let Some(steps) = steps_per_second {
            train.scalar("epoch_steps_per_second", epoch, steps)?;
        }
        train.flush()?;
        if !logs.names().any(|name| name.starts_with("val_")) {
            return Ok(());
        }
        let validation = self.validation()?;
        for (name, value) in logs.iter() {
            if let Some(name) = name.strip_prefix("val_") {
                write(validation, &format!("epoch_{name}"), epoch, value)?;
            }
        }
        validation.flush()
    }
}

/// Writes a number; of a list each, with its place after the tag.
fn write(file: &mut EventFile, tag: &str, step: u64, value: &MetricValue) -> Result<()> {
    match value {
        MetricValue::Number(number) => file.scalar(tag, step, *number),
        MetricValue::List(list) => list
            .iter()
            .enumerate()
            .try_for_each(|(at, number)| file.scalar(&format!("{tag}_{at}"), step, *number)),
    }
}

/// The file, made when it is first written to.
fn opened<'a>(
    file: &'a mut Option<EventFile>,
    log_dir: &std::path::Path,
    name: &str,
) -> Result<&'a mut EventFile> {
    match file {
        Some(file) => Ok(file),
        None => Ok(file.insert(EventFile::create(&log_dir.join(name))?)),
    }
}

impl Callback for TensorBoard {
    fn class_name(&self) -> &'static str {
        "TensorBoard"
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        if self.every() == Some(0) {
            return Err(Error::new(ErrorKind::Argument, "TensorBoard is to write every 0 batches")
                .expected("at least 1 batch"));
        }
        if self.write_graph {
            training.warn("TensorBoard: `write_graph` is ignored, there is no TensorFlow graph");
        }
        (self.train, self.validation, self.batches) = (None, None, 0);
        Ok(())
    }

    fn on_train_end(&mut self, _training: &mut Training<'_>) -> Result<()> {
        for mut file in [self.train.take(), self.validation.take()].into_iter().flatten() {
            file.flush()?;
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, training: &mut Training<'_>, _epoch: usize) -> Result<()> {
        if self.write_steps_per_second {
            self.epoch_steps = training.iterations()?;
            self.epoch_began = Instant::now();
        }
        Ok(())
    }

    fn on_train_batch_begin(&mut self, _training: &mut Training<'_>, _batch: usize) -> Result<()> {
        self.batches += 1;
        if self.write_steps_per_second && self.every().is_some() {
            self.batch_began = Instant::now();
        }
        Ok(())
    }

    fn on_train_batch_end(&mut self, training: &mut Training<'_>, _batch: usize) -> Result<()> {
        let batches = self.batches;
        if !self.every().is_some_and(|every| batches.is_multiple_of(every)) {
            return Ok(());
        }
        let steps_per_second = 1.0 / self.batch_began.elapsed().as_secs_f64();
        let write_speed = self.write_steps_per_second;
        let logs = training.logs()?;
        let train = self.train()?;
        if write_speed {
            train.scalar("batch_steps_per_second", batches as u64, steps_per_second)?;
        }
        logs.iter().try_for_each(|(name, value)| {
            write(train, &format!("batch_{name}"), batches as u64, value)
        })
    }

    fn on_test_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        let (logs, step) = (training.logs()?, training.iterations()?);
        let validation = self.validation()?;
        for (name, value) in logs.iter() {
            write(validation, &format!("evaluation_{name}_vs_iterations"), step, value)?;
        }
        validation.flush()
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        self.write_epoch(training, epoch as u64, logs)?;
        if self.histogram_freq > 0 && epoch.is_multiple_of(self.histogram_freq) {
            let weights = training.model().weights()?;
            let train = self.train()?;
            for (path, value) in weights {
                let tag = format!("{path}/histogram");
                train.histogram(&tag, epoch as u64, &value.to_vec_f64())?;
            }
            train.flush()?;
        }
        Ok(())
    }

    fn state(&self) -> CallbackState {
        let mut state = CallbackState::default();
        state.set_count("batches", self.batches);
        state
    }

    fn restore(&mut self, state: &CallbackState) -> Result<()> {
        self.batches = state.count("batches")?;
        Ok(())
    }
}
