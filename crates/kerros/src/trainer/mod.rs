//! Training: compile, fit, evaluate, predict.

use kerros_core::Tensor;
use kerros_graph::StateId;

mod arrays;
mod backup;
pub mod checks;
pub mod compile;
mod direction;
pub mod evaluate;
mod executables;
pub mod fit;
pub mod function;
pub mod history;
pub mod minimizer;
mod objectives;
mod optimizer_states;
pub mod per_output;
pub mod predict;
mod step;
mod stream;
mod trackers;
pub mod training;
pub mod validation_freq;
pub(crate) mod warnings;

pub use compile::Compile;
pub use evaluate::Evaluate;
pub use fit::{Fit, Verbose};
pub use function::{Function, Variable, Variables};
pub use history::{History, Metrics, Series};
pub use minimizer::Minimizer;
pub use per_output::{IntoLosses, IntoMetrics, Losses, MetricLists, PerOutput};
pub use predict::Predict;
pub use training::{Training, TrainingSize};
pub use validation_freq::ValidationFreq;

pub(crate) use backup::{Backup, Progress, RunFingerprint};
pub(crate) use compile::Compiled;
pub(crate) use executables::{ExecutableId, ExecutableKey, Executables};
pub(crate) use trackers::Trackers;

/// What a graph of a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A training step: forward, loss, backward, update.
    Train,
    /// Loss and metrics without learning.
    Evaluate,
    /// The outputs alone.
    Predict,
}

impl Mode {
    /// The word for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Train => "train",
            Mode::Evaluate => "evaluate",
            Mode::Predict => "predict",
        }
    }
}

/// A zero of a state's type, kept so that resetting allocates nothing.
#[derive(Debug)]
pub(crate) struct Reset {
    pub(crate) id: StateId,
    pub(crate) zero: Tensor,
}
