use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Step, Updated, Variable, rest};

optimizer! {
    /// `w = w - rate * m / ((1 - beta_1^t) * (u + epsilon))` with the running mean `m` of `g`
    /// and the decaying maximum `u = max(beta_2 * u, |g|)`.
    ///
    /// Adam with the largest instead of the mean square: for gradients that are mostly zero.
    ///
    /// # Parameters
    /// - `beta_1`, `beta_2`: what is kept of `m` and `u` per step. Defaults: 0.9, 0.999.
    /// - `epsilon`: what keeps the division finite. Default: 1e-7.
    ///
    /// # Source
    /// Kingma, Ba: "Adam: a method for stochastic optimization", arXiv 1412.6980, section 7.1.
    Adamax, "Adam by the infinity norm", name: "adamax",
    learning_rate: 0.001,
    arguments {
        /// The share of the mean gradient that is kept per step.
        beta_1: f64 = 0.9,
        /// The share of the largest gradient that is kept per step.
        beta_2: f64 = 0.999,
        /// What keeps the division finite.
        epsilon: f64 = 1e-7,
    }
}

impl Optimizer for Adamax {
    fn options(&self) -> &Options {
        &self.options
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        vec![Slot::zeros("momentum", variable), Slot::zeros("norm", variable)]
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, rate) = (moved.variable, moved.gradient, step.learning_rate);
        let m = (moved.slots[0] + (g - moved.slots[0]) * rest(self.beta_1)).flush();
        let u = (moved.slots[1] * self.beta_2 as f32).maximum(g.abs()).flush();
        let scale = (u + self.epsilon as f32) * (1.0 - step.power(self.beta_1));
        Updated { variable: w - m * rate / scale, slots: vec![m, u] }
    }
}
