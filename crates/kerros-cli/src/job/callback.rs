//! `[[fit.callbacks]]`: what happens beside training.

use kerros::callbacks::{
    Callback, Direction, EarlyStopping, ReduceLROnPlateau, StopAtLoss, TerminateOnNaN,
};
use kerros::{Error, ErrorKind, Result};
use toml::Table;

use super::section::Section;
use crate::messages::nearest;

/// The types there are.
const TYPES: &[&str] = &["EarlyStopping", "ReduceLROnPlateau", "StopAtLoss", "TerminateOnNaN"];

/// A callback of a job.
#[derive(Debug)]
pub enum JobCallback {
    /// Stops when a number has not become better for some epochs.
    EarlyStopping(EarlyStopping),
    /// Makes the learning rate smaller then.
    ReduceLROnPlateau(ReduceLROnPlateau),
    /// Stops when the loss is small enough.
    StopAtLoss(StopAtLoss),
    /// Stops at a loss that is no number.
    TerminateOnNaN(TerminateOnNaN),
}

impl JobCallback {
    /// Reads one table.
    pub(super) fn read(table: &Table) -> Result<Self> {
        let mut section = Section::new("[[fit.callbacks]]", table);
        let Some(kind) = section.text("type")? else {
            return Err(section.missing("type", "\"EarlyStopping\""));
        };
        let mut section = Section::new(format!("[[fit.callbacks]] {kind}"), table);
        section.text("type")?;
        let callback = match kind {
            "EarlyStopping" => JobCallback::EarlyStopping(early_stopping(&mut section)?),
            "ReduceLROnPlateau" => JobCallback::ReduceLROnPlateau(reduce(&mut section)?),
            "StopAtLoss" => {
                let threshold = section.number("threshold")?;
                let threshold = threshold.ok_or_else(|| section.missing("threshold", "0.01"))?;
                let stop = StopAtLoss::new(threshold);
                JobCallback::StopAtLoss(match section.text("monitor")? {
                    Some(name) => stop.monitor(name),
                    None => stop,
                })
            }
            "TerminateOnNaN" => JobCallback::TerminateOnNaN(TerminateOnNaN::new()),
            unknown => {
                let error =
                    Error::new(ErrorKind::UnknownName, format!("unknown callback `{unknown}`"))
                        .expected(format!("one of: {}", TYPES.join(", ")));
                return Err(match nearest(unknown, TYPES).first() {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                });
            }
        };
        section.finish()?;
        Ok(callback)
    }

    /// The callback to lend to `fit`.
    pub fn as_callback(&mut self) -> &mut dyn Callback {
        match self {
            JobCallback::EarlyStopping(callback) => callback,
            JobCallback::ReduceLROnPlateau(callback) => callback,
            JobCallback::StopAtLoss(callback) => callback,
            JobCallback::TerminateOnNaN(callback) => callback,
        }
    }

    /// What it did, after a run, if that is worth a line.
    pub fn report(&self) -> Option<String> {
        match self {
            JobCallback::EarlyStopping(stop) => stop.stopped_epoch().map(|epoch| {
                format!(
                    "stopped early after epoch {}: epoch {} was the best",
                    epoch + 1,
                    stop.best_epoch() + 1
                )
            }),
            JobCallback::StopAtLoss(stop) => stop.stopped_epoch().map(|epoch| {
                format!("stopped after epoch {}: the loss is small enough", epoch + 1)
            }),
            JobCallback::ReduceLROnPlateau(_) | JobCallback::TerminateOnNaN(_) => None,
        }
    }
}

fn early_stopping(section: &mut Section<'_>) -> Result<EarlyStopping> {
    let mut stop = EarlyStopping::new();
    if let Some(name) = section.text("monitor")? {
        stop = stop.monitor(name);
    }
    if let Some(delta) = section.number("min_delta")? {
        stop = stop.min_delta(delta);
    }
    if let Some(epochs) = section.count("patience", 0)? {
        stop = stop.patience(epochs);
    }
    if let Some(direction) = direction(section)? {
        stop = stop.direction(direction);
    }
    if let Some(baseline) = section.number("baseline")? {
        stop = stop.baseline(baseline);
    }
    if let Some(restore) = section.bool("restore_best_weights")? {
        stop = stop.restore_best_weights(restore);
    }
    if let Some(epoch) = section.count("start_from_epoch", 0)? {
        stop = stop.start_from_epoch(epoch);
    }
    Ok(stop)
}

fn reduce(section: &mut Section<'_>) -> Result<ReduceLROnPlateau> {
    let mut reduce = ReduceLROnPlateau::new();
    if let Some(name) = section.text("monitor")? {
        reduce = reduce.monitor(name);
    }
    if let Some(factor) = section.number("factor")? {
        reduce = reduce.factor(factor);
    }
    if let Some(epochs) = section.count("patience", 0)? {
        reduce = reduce.patience(epochs);
    }
    if let Some(direction) = direction(section)? {
        reduce = reduce.direction(direction);
    }
    if let Some(delta) = section.number("min_delta")? {
        reduce = reduce.min_delta(delta);
    }
    if let Some(epochs) = section.count("cooldown", 0)? {
        reduce = reduce.cooldown(epochs);
    }
    if let Some(rate) = section.number("min_lr")? {
        reduce = reduce.min_lr(rate);
    }
    Ok(reduce)
}

/// Keras's `mode`.
fn direction(section: &mut Section<'_>) -> Result<Option<Direction>> {
    section.typed("mode", "\"auto\", \"min\" or \"max\"", |value| match value.as_str()? {
        "auto" => Some(Direction::Auto),
        "min" => Some(Direction::Min),
        "max" => Some(Direction::Max),
        _ => None,
    })
}
