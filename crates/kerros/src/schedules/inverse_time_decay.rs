use kerros_core::Result;
use kerros_graph::Node;

use super::{Schedule, check_steps};
use crate::optimizers::setting::described;

described! {
    /// `rate = initial_learning_rate / (1 + decay_rate * step / decay_steps)`.
    ///
    /// With `decay_steps` 1 this is the `decay` that Keras's optimizers had up to version 2.
    ///
    /// # Parameters
    /// - `initial_learning_rate`: the rate at step 0.
    /// - `decay_steps`: the length of a period in steps, from 1.
    /// - `decay_rate`: what a period adds to the divisor.
    /// - `staircase`: whether whole periods only count. Default: `false`.
    InverseTimeDecay: Schedule, "falls as one by the step", names: &[],
    required { initial_learning_rate: f64, decay_steps: usize, decay_rate: f64, }
    optional {
        /// Whether the rate falls at the ends of periods only.
        staircase: bool = false,
        /// The name in configs.
        name: String = "InverseTimeDecay".into(),
    }
}

impl Schedule for InverseTimeDecay {
    fn check(&self) -> Result<()> {
        check_steps("decay_steps", self.decay_steps)
    }

    fn at<'g>(&self, step: Node<'g>) -> Node<'g> {
        let mut periods = step / self.decay_steps as f32;
        if self.staircase {
            periods = periods.floor();
        }
        self.initial_learning_rate as f32 / (1.0 + self.decay_rate as f32 * periods)
    }
}
