use std::f32::consts::PI;

use kerros_core::Result;
use kerros_graph::Node;

use super::{Schedule, check_steps};
use crate::optimizers::setting::described;

described! {
    /// `rate = start * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha)`, and
    /// `start * alpha` from `decay_steps` on.
    ///
    /// With a `warmup_target` the rate first grows along a line from `initial_learning_rate` to
    /// the target over `warmup_steps`; then it falls from there. Without, it falls from
    /// `initial_learning_rate`.
    ///
    /// # Parameters
    /// - `initial_learning_rate`: the rate at step 0.
    /// - `decay_steps`: how long it falls, in steps, from 1.
    /// - `alpha`: the end as a share of the start. Default: 0.
    /// - `warmup_target`: the rate from which it falls, if it first grows. Default: none.
    /// - `warmup_steps`: how long it grows, in steps. Default: 0.
    ///
    /// # Source
    /// Loshchilov, Hutter: "SGDR: stochastic gradient descent with warm restarts", arXiv
    /// 1608.03983.
    CosineDecay: Schedule, "falls along a half wave, after growing if wanted", names: &[],
    required { initial_learning_rate: f64, decay_steps: usize, }
    optional {
        /// The end as a share of the start.
        alpha: f64 = 0.0,
        /// The name in configs.
        name: String = "CosineDecay".into(),
        /// The rate from which it falls, if it first grows.
        warmup_target: Option<f64> = None,
        /// How long it grows, in steps; without a target it does not.
        warmup_steps: usize = 0,
    }
}

impl Schedule for CosineDecay {
    fn check(&self) -> Result<()> {
        check_steps("decay_steps", self.decay_steps)
    }

    fn at<'g>(&self, step: Node<'g>) -> Node<'g> {
        let (decay_steps, initial) = (self.decay_steps as f32, self.initial_learning_rate as f32);
        let falling = |start: f32, step: Node<'g>| {
            let wave = 0.5 * (1.0 + (PI * (step / decay_steps)).cos());
            start * ((1.0 - self.alpha) as f32 * wave + self.alpha as f32)
        };
        let Some(target) = self.warmup_target else {
            return falling(initial, step.minimum(decay_steps));
        };
        let (target, warmup_steps) = (target as f32, self.warmup_steps as f32);
        let step = step.minimum(decay_steps + warmup_steps);
        let fallen = falling(target, step - warmup_steps);
        if self.warmup_steps == 0 {
            return fallen;
        }
        let growing = (target - initial) * (step / warmup_steps) + initial;
        step.less(warmup_steps).select(growing, fallen)
    }
}
