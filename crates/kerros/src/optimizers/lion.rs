use kerros_core::{Error, ErrorKind, Result};

use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Step, Updated, Variable};

optimizer! {
    /// `w = w - rate * sign(beta_1 * m + (1 - beta_1) * g)`, then
    /// `m = beta_2 * m + (1 - beta_2) * g`.
    ///
    /// All steps have one size. The rate is usually a third to a tenth of Adam's, the weight
    /// decay three to ten times as large.
    ///
    /// # Parameters
    /// - `beta_1`: the momentum's share in the direction, above 0. Default: 0.9.
    /// - `beta_2`: the share of the momentum kept per step. Default: 0.99.
    ///
    /// # Source
    /// Chen et al.: "Symbolic discovery of optimization algorithms", arXiv 2302.06675.
    Lion, "steps of one size along the sign of the momentum", name: "lion",
    learning_rate: 0.001,
    arguments {
        /// The share of the momentum in the direction.
        beta_1: f64 = 0.9,
        /// The share of the momentum that is kept per step.
        beta_2: f64 = 0.99,
    }
}

impl Optimizer for Lion {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        match self.beta_1 > 0.0 && self.beta_1 <= 1.0 {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Argument, format!("beta_1={}", self.beta_1))
                .expected("a number above 0, at most 1")),
        }
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        vec![Slot::zeros("momentum", variable)]
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, m) = (moved.variable, moved.gradient, moved.slots[0]);
        // Here Keras subtracts in `f32`.
        let mean = |share: f32| m * share + g * (1.0 - share);
        let variable = w - mean(self.beta_1 as f32).sign() * step.learning_rate;
        Updated { variable, slots: vec![mean(self.beta_2 as f32).flush()] }
    }
}
