use kerros_core::{Error, ErrorKind, Result};

use super::{Callback, CallbackState};
use crate::object::ConfigReader;
use crate::trainer::Training;

/// Stops at the first batch that makes the loss NaN or infinite, and says which it was.
///
/// # Parameters
/// - `raise_error`: end the run by an error in place of stopping it, so that what other
///   callbacks do at the end of a run, such as removing a backup, is left undone. Default:
///   `false`.
///
/// # Example
/// ```
/// use kerros::Fit;
/// use kerros::callbacks::TerminateOnNaN;
/// let mut nan = TerminateOnNaN::new();
/// let fit = Fit::epochs(10).callback(&mut nan);
/// # drop(fit);
/// assert_eq!(nan.found(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct TerminateOnNaN {
    raise_error: bool,
    found: Option<(usize, usize)>,
}

impl TerminateOnNaN {
    /// Looks at the loss after every batch.
    pub fn new() -> Self {
        TerminateOnNaN::default()
    }

    /// Sets whether the run ends by an error.
    pub fn raise_error(mut self, raise_error: bool) -> Self {
        self.raise_error = raise_error;
        self
    }

    /// The callback that these arguments describe.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        TerminateOnNaN::new().raise_error(reader.bool("raise_error", false))
    }

    /// The epoch and batch of the first loss that was no finite number, both counted from 0.
    pub fn found(&self) -> Option<(usize, usize)> {
        self.found
    }
}

impl Callback for TerminateOnNaN {
    fn class_name(&self) -> &'static str {
        "TerminateOnNaN"
    }

    fn on_train_begin(&mut self, _training: &mut Training<'_>) -> Result<()> {
        self.found = None;
        Ok(())
    }

    fn on_train_batch_end(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        let loss = training.loss()?;
        if loss.is_finite() || self.found.is_some() {
            return Ok(());
        }
        let epoch = training.epoch();
        self.found = Some((epoch, batch));
        let rows = match training.size().batch_size {
            Some(rows) => format!(
                " (rows {} to {} in this epoch's order, counted from 0)",
                batch * rows,
                (batch + 1) * rows - 1
            ),
            None => String::new(),
        };
        let found = format!("the loss is {loss} after step {} of epoch {}", batch + 1, epoch + 1);
        const HINT: &str = "a smaller learning rate, clipnorm, or a look at these rows";
        if self.raise_error {
            return Err(Error::new(ErrorKind::Data, format!("{found}{rows}"))
                .expected("a finite loss")
                .hint(HINT));
        }
        training.warn(&format!("{found}{rows}: training stops\n  try: {HINT}"));
        training.stop();
        Ok(())
    }

    fn state(&self) -> CallbackState {
        let mut state = CallbackState::default();
        if let Some((epoch, batch)) = self.found {
            state.set_count("epoch", epoch);
            state.set_count("batch", batch);
        }
        state
    }

    fn restore(&mut self, state: &CallbackState) -> Result<()> {
        self.found = state.maybe_count("epoch")?.zip(state.maybe_count("batch")?);
        Ok(())
    }
}
