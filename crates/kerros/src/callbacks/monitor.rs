//! A reported number that is watched for improvement.

use kerros_core::{Error, ErrorKind, Result};

use crate::object::ConfigReader;
use crate::trainer::{Metrics, Training};

/// What counts as better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// By the name: smaller for losses and errors, larger for accuracies.
    #[default]
    Auto,
    /// Smaller is better.
    Min,
    /// Larger is better.
    Max,
}

/// A reported number, and when it counts as better than before.
#[derive(Clone, Debug)]
pub struct Monitor {
    /// The name of the number, such as `val_loss`.
    pub name: String,
    /// What counts as better.
    pub direction: Direction,
    /// Smaller changes are none.
    pub min_delta: f64,
}

impl Monitor {
    /// Watches the number of this name.
    pub fn new(name: impl Into<String>, min_delta: f64) -> Self {
        Monitor { name: name.into(), direction: Direction::Auto, min_delta }
    }

    /// Keras's `monitor`, `mode` and `min_delta`, over defaults.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>, default: Monitor) -> Self {
        let direction = match reader.maybe_string("mode").as_deref() {
            None | Some("auto") => Direction::Auto,
            Some("min") => Direction::Min,
            Some("max") => Direction::Max,
            Some(other) => {
                reader.refuse(format!("`mode` is \"{other}\", expected auto, min or max"));
                Direction::Auto
            }
        };
        Monitor {
            name: reader.maybe_string("monitor").unwrap_or(default.name),
            direction,
            min_delta: reader.maybe_f64("min_delta").unwrap_or(default.min_delta),
        }
    }

    /// Settles what [`Direction::Auto`] means.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] when the name does not say which way is better.
    pub fn settle(&mut self, training: &Training<'_>) -> Result<()> {
        if self.direction != Direction::Auto {
            return Ok(());
        }
        let name = self.name.strip_prefix("val_").unwrap_or(&self.name);
        self.direction = match training.larger_is_better(name) {
            Some(true) => Direction::Max,
            Some(false) => Direction::Min,
            None => {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("it is not known whether `{}` should grow or shrink", self.name),
                )
                .expected("the loss or a metric of the model, such as val_loss")
                .hint("say it: `.direction(Direction::Max)` or `Direction::Min`"));
            }
        };
        Ok(())
    }

    /// The number; a warning when it is not reported.
    pub fn value(&self, training: &mut Training<'_>, logs: &Metrics) -> Option<f64> {
        let value = logs.get(&self.name);
        if value.is_none() {
            let names: Vec<&str> = logs.names().collect();
            training.warn(&format!(
                "`{}` is watched, but not reported\n  expected: one of {}\n  try: give `fit` \
                 validation data for the names that begin with val_",
                self.name,
                names.join(", ")
            ));
        }
        value
    }

    /// Whether a value is better than a reference by more than `min_delta`; compared as `f32`,
    /// as Keras does.
    pub fn is_better(&self, value: f64, reference: Option<f64>) -> bool {
        let Some(reference) = reference.map(|reference| reference as f32) else { return true };
        let delta = self.min_delta.abs();
        match self.direction {
            Direction::Max => (value - delta) as f32 > reference,
            Direction::Min | Direction::Auto => ((value + delta) as f32) < reference,
        }
    }
}
