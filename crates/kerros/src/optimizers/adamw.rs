use kerros_core::{Error, ErrorKind, Result};

use super::adam::{Moments, slots};
use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Step, Updated, Variable};

optimizer! {
    /// `w = w - rate * weight_decay * w`, then [`Adam`](super::Adam).
    ///
    /// The decay is not divided by the running mean square, as it would be inside the loss:
    /// the usual choice for transformers.
    ///
    /// # Parameters
    /// - `weight_decay`: what is taken away per step, times the rate. Default: 0.004.
    /// - `beta_1`, `beta_2`, `epsilon`, `amsgrad`: as in [`Adam`](super::Adam).
    ///
    /// # Source
    /// Loshchilov, Hutter: "Decoupled weight decay regularization", arXiv 1711.05101.
    AdamW, "Adam with decoupled weight decay", name: "adam_w",
    learning_rate: 0.001, weight_decay: 0.004,
    arguments {
        /// The share of the mean gradient that is kept per step.
        beta_1: f64 = 0.9,
        /// The share of the mean square that is kept per step.
        beta_2: f64 = 0.999,
        /// What keeps the division finite.
        epsilon: f64 = 1e-7,
        /// Whether to divide by the largest mean square so far.
        amsgrad: bool = false,
    }
}

impl Optimizer for AdamW {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        match self.options.weight_decay {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::Argument, "AdamW without a weight decay")
                .expected("a number")
                .hint("use Adam")),
        }
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        slots(variable, self.amsgrad)
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let AdamW { beta_1, beta_2, epsilon, .. } = *self;
        Moments { beta_1, beta_2, epsilon }.update(step, step.learning_rate, moved)
    }
}
