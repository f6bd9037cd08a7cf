use std::f32::consts::PI;

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

use super::{Schedule, check_steps};
use crate::optimizers::setting::described;

described! {
    /// `rate = initial_learning_rate * ((1 - alpha) * m_mul^i * (1 + cos(pi * f)) / 2 + alpha)`
    /// in period `i`, of which the share `f` is over.
    ///
    /// # Parameters
    /// - `initial_learning_rate`: the rate at step 0.
    /// - `first_decay_steps`: the length of the first period, from 1.
    /// - `t_mul`: how much longer each period is than the one before. Default: 2.
    /// - `m_mul`: how much lower each period starts. Default: 1.
    /// - `alpha`: the least rate as a share of the first. Default: 0.
    ///
    /// # Source
    /// Loshchilov, Hutter: "SGDR: stochastic gradient descent with warm restarts", arXiv
    /// 1608.03983.
    CosineDecayRestarts: Schedule, "falls along half waves, again and again", names: &[],
    required { initial_learning_rate: f64, first_decay_steps: usize, }
    optional {
        /// How much longer each period is than the one before.
        t_mul: f64 = 2.0,
        /// How much lower each period starts.
        m_mul: f64 = 1.0,
        /// The least rate as a share of the first.
        alpha: f64 = 0.0,
        /// The name in configs.
        name: String = "SGDRDecay".into(),
    }
}

impl Schedule for CosineDecayRestarts {
    fn check(&self) -> Result<()> {
        match self.t_mul >= 1.0 {
            true => check_steps("first_decay_steps", self.first_decay_steps),
            false => Err(Error::new(ErrorKind::Argument, format!("t_mul={}", self.t_mul))
                .expected("1 or more")),
        }
    }

    fn at<'g>(&self, step: Node<'g>) -> Node<'g> {
        let (t_mul, alpha) = (self.t_mul as f32, self.alpha as f32);
        let constant = |value: f32| step.graph().constant(value);
        // In lengths of the first period.
        let passed = step / self.first_decay_steps as f32;
        let (period, done) = if t_mul == 1.0 {
            let period = passed.floor();
            (period, passed - period)
        } else {
            let t = constant(t_mul);
            let period = ((1.0 - passed * (1.0 - t_mul)).log() / t.log()).floor();
            let length = t.pow(period);
            let before = (1.0 - length) / (1.0 - t_mul);
            (period, (passed - before) / length)
        };
        let height = constant(self.m_mul as f32).pow(period);
        let wave = 0.5 * height * (1.0 + (PI * done).cos());
        self.initial_learning_rate as f32 * ((1.0 - alpha) * wave + alpha)
    }
}
