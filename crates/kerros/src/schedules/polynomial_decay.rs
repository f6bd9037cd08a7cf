use kerros_core::Result;
use kerros_graph::Node;

use super::{Schedule, check_steps};
use crate::optimizers::setting::described;

described! {
    /// `rate = (initial_learning_rate - end_learning_rate) * (1 - step / decay_steps) ^ power +
    /// end_learning_rate`, and `end_learning_rate` from `decay_steps` on.
    ///
    /// # Parameters
    /// - `initial_learning_rate`: the rate at step 0.
    /// - `decay_steps`: when the end is reached, from 1.
    /// - `end_learning_rate`: the rate at the end. Default: 0.0001.
    /// - `power`: the exponent; 1 falls along a line. Default: 1.
    /// - `cycle`: whether `decay_steps` is doubled, tripled .. each time it is reached, so that
    ///   the rate rises again. Default: `false`.
    PolynomialDecay: Schedule, "falls along a power to an end", names: &[],
    required { initial_learning_rate: f64, decay_steps: usize, }
    optional {
        /// The rate at the end.
        end_learning_rate: f64 = 0.0001,
        /// The exponent.
        power: f64 = 1.0,
        /// Whether to go on with a multiple of the steps when the end is reached.
        cycle: bool = false,
        /// The name in configs.
        name: String = "PolynomialDecay".into(),
    }
}

impl Schedule for PolynomialDecay {
    fn check(&self) -> Result<()> {
        check_steps("decay_steps", self.decay_steps)
    }

    fn at<'g>(&self, step: Node<'g>) -> Node<'g> {
        let decay_steps = self.decay_steps as f32;
        let done = if self.cycle {
            let periods = step.equal(0.0).select(1.0, (step / decay_steps).ceil());
            step / (decay_steps * periods)
        } else {
            step.minimum(decay_steps) / decay_steps
        };
        let (start, end) = (self.initial_learning_rate as f32, self.end_learning_rate as f32);
        (start - end) * (1.0 - done).pow(self.power as f32) + end
    }
}
