use kerros_core::Result;

use super::Callback;
use crate::trainer::Training;

/// Stops at the first batch that makes the loss NaN or infinite, and says which it was.
#[derive(Clone, Debug, Default)]
pub struct TerminateOnNaN {
    found: Option<(usize, usize)>,
}

impl TerminateOnNaN {
    /// Looks at the loss after every batch.
    pub fn new() -> Self {
        TerminateOnNaN::default()
    }

    /// The epoch and batch of the first loss that was no finite number, both counted from 0.
    pub fn found(&self) -> Option<(usize, usize)> {
        self.found
    }
}

impl Callback for TerminateOnNaN {
    fn on_train_begin(&mut self, _training: &mut Training<'_>) -> Result<()> {
        self.found = None;
        Ok(())
    }

    fn on_train_batch_end(&mut self, training: &mut Training<'_>, batch: usize) -> Result<()> {
        let loss = training.loss()?;
        if loss.is_finite() || self.found.is_some() {
            return Ok(());
        }
        let (epoch, size) = (training.epoch(), training.size());
        self.found = Some((epoch, batch));
        training.warn(&format!(
            "the loss is {loss} after step {} of epoch {} (rows {} to {} in this epoch's order, \
             counted from 0): training stops\n  try: a smaller learning rate, clipnorm, or a \
             look at these rows",
            batch + 1,
            epoch + 1,
            batch * size.batch_size,
            (batch + 1) * size.batch_size - 1,
        ));
        training.stop();
        Ok(())
    }
}
