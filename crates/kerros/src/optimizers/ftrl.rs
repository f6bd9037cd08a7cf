use kerros_core::{Error, ErrorKind, Result};

use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Start, Step, Updated, Variable};

optimizer! {
    /// `w = (clip(z, -l1, l1) - z) / (n'^p / rate + 2 * l2)` with `n' = n + g^2`, the linear
    /// term `z = z + g - (n'^p - n^p) / rate * w` and `p = -learning_rate_power`.
    ///
    /// "Follow the regularized leader": sparse linear models with very many features.
    ///
    /// # Parameters
    /// - `learning_rate_power`: how fast steps shrink, 0 or less. Default: -0.5.
    /// - `initial_accumulator_value`: what `n` starts from. Default: 0.1.
    /// - `l1_regularization_strength`, `l2_regularization_strength`: penalties. Defaults: 0.
    /// - `l2_shrinkage_regularization_strength`: twice this times `w` is added to the gradient
    ///   in the linear term. Default: 0.
    /// - `beta`: `beta / (2 * rate)` is added to the L2 penalty. Default: 0.
    ///
    /// # Source
    /// McMahan et al.: "Ad click prediction: a view from the trenches", KDD 2013.
    Ftrl, "follow the regularized leader: sparse linear models", name: "ftrl",
    learning_rate: 0.001,
    arguments {
        /// How fast steps shrink, 0 or less.
        learning_rate_power: f64 = -0.5,
        /// What the sum of squares starts from.
        initial_accumulator_value: f64 = 0.1,
        /// The strength of the L1 penalty.
        l1_regularization_strength: f64 = 0.0,
        /// The strength of the L2 penalty.
        l2_regularization_strength: f64 = 0.0,
        /// The strength of the L2 penalty on the gradient's side.
        l2_shrinkage_regularization_strength: f64 = 0.0,
        /// What the rate-dependent L2 penalty is, times twice the rate.
        beta: f64 = 0.0,
    }
}

impl Optimizer for Ftrl {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let above = [
            ("initial_accumulator_value", self.initial_accumulator_value),
            ("l1_regularization_strength", self.l1_regularization_strength),
            ("l2_regularization_strength", self.l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", self.l2_shrinkage_regularization_strength),
            ("-learning_rate_power", -self.learning_rate_power),
        ];
        match above.iter().find(|(_, value)| value.is_nan() || *value < 0.0) {
            None => Ok(()),
            Some((name, value)) => {
                Err(Error::new(ErrorKind::Argument, format!("{name}={value}"))
                    .expected("0 or more"))
            }
        }
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let start = Start::Filled(self.initial_accumulator_value as f32);
        let accumulator = Slot::zeros("accumulator", variable).starting(start);
        vec![accumulator, Slot::zeros("linear", variable)]
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, rate) = (moved.variable, moved.gradient, step.learning_rate);
        let (power, l1) =
            (-self.learning_rate_power as f32, self.l1_regularization_strength as f32);
        let shrinkage = (2.0 * self.l2_shrinkage_regularization_strength) as f32;
        let l2 = self.beta as f32 / (2.0 * rate) + self.l2_regularization_strength as f32;
        let n = moved.slots[0] + g.square();
        let (n_power, old_power) = (n.pow(power), moved.slots[0].pow(power));
        let z = moved.slots[1] + (g + w * shrinkage - (n_power - old_power) / rate * w);
        let variable = (z.clip(-l1, l1) - z) / (n_power / rate + 2.0 * l2);
        Updated { variable, slots: vec![n, z] }
    }
}
