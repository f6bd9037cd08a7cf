use kerros_core::Result;
use kerros_graph::Node;

use super::{Schedule, check_steps};
use crate::optimizers::setting::described;

described! {
    /// `rate = initial_learning_rate * decay_rate ^ (step / decay_steps)`.
    ///
    /// # Parameters
    /// - `initial_learning_rate`: the rate at step 0.
    /// - `decay_steps`: after how many steps the rate is `decay_rate` times as large, from 1.
    /// - `decay_rate`: that factor.
    /// - `staircase`: whether the exponent counts whole periods only. Default: `false`.
    ///
    /// # Example
    /// ```
    /// use kerros::Described;
    /// use kerros::optimizers::SGD;
    /// use kerros::schedules::ExponentialDecay;
    /// let optimizer = SGD::new(ExponentialDecay::new(0.1, 1000, 0.5).staircase(true));
    /// assert_eq!(optimizer.config()["learning_rate"]["config"]["decay_rate"], 0.5);
    /// ```
    ExponentialDecay: Schedule, "falls by a factor per period", names: &[],
    required { initial_learning_rate: f64, decay_steps: usize, decay_rate: f64, }
    optional {
        /// Whether the rate falls at the ends of periods only.
        staircase: bool = false,
        /// The name in configs.
        name: String = "ExponentialDecay".into(),
    }
}

impl Schedule for ExponentialDecay {
    fn check(&self) -> Result<()> {
        check_steps("decay_steps", self.decay_steps)
    }

    fn at<'g>(&self, step: Node<'g>) -> Node<'g> {
        let mut periods = step / self.decay_steps as f32;
        if self.staircase {
            periods = periods.floor();
        }
        let decay_rate = step.graph().constant(self.decay_rate as f32);
        self.initial_learning_rate as f32 * decay_rate.pow(periods)
    }
}
