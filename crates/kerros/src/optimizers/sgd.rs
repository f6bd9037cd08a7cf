use kerros_core::{Error, ErrorKind, Result};

use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Step, Updated, Variable};

optimizer! {
    /// `m = momentum * m - rate * g; w = w + m`: gradient descent, with momentum if wanted.
    ///
    /// The plainest of all, and with momentum and a good schedule still among the best.
    /// Without momentum `w = w - rate * g`; with Nesterov's, `w = w + momentum * m - rate * g`.
    ///
    /// # Parameters
    /// - `momentum`: the share of the last step that is kept, 0 to 1. Default: 0.
    /// - `nesterov`: whether to look a step ahead. Default: `false`.
    ///
    /// # Example
    /// ```
    /// use kerros::Described;
    /// use kerros::optimizers::SGD;
    /// let optimizer = SGD::new(0.01).momentum(0.9).nesterov(true);
    /// assert_eq!(optimizer.config()["momentum"], 0.9);
    /// ```
    ///
    /// # Source
    /// Sutskever, Martens, Dahl, Hinton: "On the importance of initialization and momentum in
    /// deep learning", ICML 2013; as in Keras, the rate is inside the momentum.
    SGD, "gradient descent, with momentum", name: "sgd",
    learning_rate: 0.01,
    arguments {
        /// The share of the last step that is kept.
        momentum: f64 = 0.0,
        /// Whether to use Nesterov's momentum.
        nesterov: bool = false,
    }
}

impl SGD {
    /// Lets the learning rate fall as `rate / (1 + decay * step)`, the `decay` of Keras up to
    /// version 2. Files call it `InverseTimeDecay`.
    pub fn decay(mut self, decay: f64) -> Self {
        self.options.decay(decay);
        self
    }
}

impl Optimizer for SGD {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        match (0.0..=1.0).contains(&self.momentum) {
            true => Ok(()),
            false => {
                let message = format!("momentum={}", self.momentum);
                Err(Error::new(ErrorKind::Argument, message).expected("a number from 0 to 1"))
            }
        }
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let with_momentum = self.momentum != 0.0;
        with_momentum.then(|| Slot::zeros("momentum", variable)).into_iter().collect()
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, rate) = (moved.variable, moved.gradient, step.learning_rate);
        let &[m] = moved.slots else {
            return Updated { variable: w - g * rate, slots: Vec::new() };
        };
        let momentum = self.momentum as f32;
        let m = (m * momentum - g * rate).flush();
        let variable = w + if self.nesterov { m * momentum - g * rate } else { m };
        Updated { variable, slots: vec![m] }
    }
}
