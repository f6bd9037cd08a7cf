use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Start, Step, Updated, Variable};

optimizer! {
    /// `w = w - rate * g / sqrt(sum + epsilon)` with the sum of all `g^2` so far.
    ///
    /// Rarely moved weights keep large steps: for sparse features.
    ///
    /// # Parameters
    /// - `initial_accumulator_value`: what the sum starts from. Default: 0.1.
    /// - `epsilon`: what keeps the division finite. Default: 1e-7.
    ///
    /// # Source
    /// Duchi, Hazan, Singer: "Adaptive subgradient methods for online learning and stochastic
    /// optimization", JMLR 12, 2011.
    Adagrad, "steps that shrink where gradients were large", name: "adagrad",
    learning_rate: 0.001,
    arguments {
        /// What the sum of squares starts from.
        initial_accumulator_value: f64 = 0.1,
        /// What keeps the division finite.
        epsilon: f64 = 1e-7,
    }
}

impl Optimizer for Adagrad {
    fn options(&self) -> &Options {
        &self.options
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let start = Start::Filled(self.initial_accumulator_value as f32);
        vec![Slot::zeros("accumulator", variable).starting(start)]
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, rate) = (moved.variable, moved.gradient, step.learning_rate);
        let sum = moved.slots[0] + g.square();
        let variable = w - g * rate / (sum + self.epsilon as f32).sqrt();
        Updated { variable, slots: vec![sum] }
    }
}
