//! A reported number that is watched for improvement.

use kerros_core::{Error, ErrorKind, Result};

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

    /// Whether a value is better than a reference by more than `min_delta`.
    pub fn is_better(&self, value: f64, reference: Option<f64>) -> bool {
        let delta = self.min_delta.abs();
        match (reference, self.direction) {
            (None, _) => true,
            (Some(reference), Direction::Max) => value - delta > reference,
            (Some(reference), _) => value + delta < reference,
        }
    }
}
