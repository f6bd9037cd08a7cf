//! Training: compile, fit, evaluate, predict.

use kerros_core::{Shape, Tensor};
use kerros_graph::StateId;
use kerros_plan::Executable;
use smallvec::SmallVec;

mod arrays;
mod backup;
pub mod checks;
pub mod compile;
mod direction;
pub mod evaluate;
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

pub(crate) use backup::{Backup, Progress, Run};
pub(crate) use compile::Compiled;
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

/// What tells one executable of a model from another: everything its graph depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunKey {
    pub(crate) mode: Mode,
    pub(crate) rows: usize,
    /// The shape of one row of each input.
    pub(crate) inputs: SmallVec<[Shape; 1]>,
    /// The shape of one row of each output's target; empty when predicting.
    pub(crate) targets: SmallVec<[Option<Shape>; 1]>,
    /// The shape of one row of each output's sample weights.
    pub(crate) weights: SmallVec<[Option<Shape>; 1]>,
}

/// The executables of a model so far.
#[derive(Default)]
pub(crate) struct Runs {
    entries: Vec<(RunKey, Box<dyn Executable>)>,
    generation: u64,
}

impl Runs {
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.generation += 1;
    }

    /// Changes when the places of executables stop being valid.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn find(&self, key: &RunKey) -> Option<usize> {
        self.entries.iter().position(|(known, _)| known == key)
    }

    pub(crate) fn push(&mut self, key: RunKey, executable: Box<dyn Executable>) -> usize {
        self.entries.push((key, executable));
        self.entries.len() - 1
    }

    pub(crate) fn explain(&self) -> String {
        let texts: Vec<String> = self.entries.iter().map(|(_, run)| run.explain()).collect();
        texts.join("\n")
    }

    pub(crate) fn get(&mut self, index: usize) -> &mut dyn Executable {
        &mut *self.entries[index].1
    }
}

/// A zero of a state's type, kept so that resetting allocates nothing.
#[derive(Debug)]
pub(crate) struct Reset {
    pub(crate) id: StateId,
    pub(crate) zero: Tensor,
}
