use kerros_core::Result;

use super::Callback;
use crate::object::ConfigReader;
use crate::trainer::{Metrics, Training};

/// Puts the moving averages of the weights in the place of the weights while the model is
/// evaluated, and the weights back after that.
///
/// The optimizer must keep averages: `use_ema(true)`. Averages and weights change places, so
/// nothing is copied for good.
///
/// # Parameters
/// - `swap_on_epoch`: the averages are in place also at the end of an epoch, for callbacks
///   after this one such as [`super::ModelCheckpoint`]. Default: `false`.
///
/// # Example
/// ```
/// use kerros::Fit;
/// use kerros::callbacks::{ModelCheckpoint, SwapEMAWeights};
/// let fit = Fit::epochs(10)
///     .callback(SwapEMAWeights::new().swap_on_epoch(true))
///     .callback(ModelCheckpoint::new("averages.keras"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SwapEMAWeights {
    swap_on_epoch: bool,
}

impl SwapEMAWeights {
    /// Swaps for evaluations alone.
    pub fn new() -> Self {
        SwapEMAWeights::default()
    }

    /// Sets whether the averages are in place also at the end of an epoch.
    pub fn swap_on_epoch(mut self, swap_on_epoch: bool) -> Self {
        self.swap_on_epoch = swap_on_epoch;
        self
    }

    /// The callback that these arguments describe.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        SwapEMAWeights::new().swap_on_epoch(reader.bool("swap_on_epoch", false))
    }
}

// Which of the two is in the model is kept by the model: it must know at the end of `fit`,
// however that came, to leave the averages and not the weights.
impl Callback for SwapEMAWeights {
    fn class_name(&self) -> &'static str {
        "SwapEMAWeights"
    }

    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        training.model.check_averages()
    }

    fn on_epoch_begin(&mut self, training: &mut Training<'_>, _epoch: usize) -> Result<()> {
        match self.swap_on_epoch {
            true => training.model.show_averages(false),
            false => Ok(()),
        }
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_>,
        _epoch: usize,
        _logs: &mut Metrics,
    ) -> Result<()> {
        match self.swap_on_epoch {
            true => training.model.show_averages(true),
            false => Ok(()),
        }
    }

    fn on_test_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        training.model.show_averages(true)
    }

    fn on_test_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        training.model.show_averages(false)
    }

    fn on_predict_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        training.model.show_averages(true)
    }

    fn on_predict_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        training.model.show_averages(false)
    }
}
