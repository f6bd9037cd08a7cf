use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Start, Step, Updated, Variable};

optimizer! {
    /// `w = (1 - beta_1) * z + beta_1 * x` with `z = z - rate * g / (sqrt(v') + epsilon)` and
    /// the mean `x` of all `z` so far; `v' = v / (1 - beta_2^t)`.
    ///
    /// Averaging takes the place of a falling learning rate.
    ///
    /// # Parameters
    /// - `beta_1`: the mean's share in `w`, where gradients are taken. Default: 0.9.
    /// - `beta_2`: the share of the mean square kept per step. Default: 0.999.
    /// - `epsilon`: what keeps the division finite. Default: 1e-8.
    /// - `warmup_steps`: over how many steps the rate grows to its value. Default: 0.
    ///
    /// # Source
    /// Defazio et al.: "The road less scheduled", arXiv 2405.15682. As in Keras, all `z` weigh
    /// the same and `x` is found again from `w` and `z`.
    ScheduleFreeAdamW, "Adam with averaging in place of a schedule",
    name: "schedule_free_adam_w",
    learning_rate: 0.0025,
    arguments {
        /// The share of the mean in the variable.
        beta_1: f64 = 0.9,
        /// The share of the mean square that is kept per step.
        beta_2: f64 = 0.999,
        /// What keeps the division finite.
        epsilon: f64 = 1e-8,
        /// Over how many steps the learning rate grows to its value.
        warmup_steps: usize = 0,
    }
}

impl Optimizer for ScheduleFreeAdamW {
    fn options(&self) -> &Options {
        &self.options
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let momentum = Slot::zeros("momentum", variable).starting(Start::Variable);
        vec![momentum, Slot::zeros("velocity", variable)]
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, z) = (moved.variable, moved.gradient, moved.slots[0]);
        let (beta_1, beta_2) = (self.beta_1 as f32, self.beta_2 as f32);
        let t = step.iterations + 1.0;
        let mut rate = step.learning_rate;
        if self.warmup_steps > 0 {
            rate = rate * (t / self.warmup_steps as f32).minimum(1.0);
        }
        // Here Keras subtracts in `f32`.
        let v = (moved.slots[1] + (g.square() - moved.slots[1]) * (1.0 - beta_2)).flush();
        let scale = (v / (1.0 - step.power(self.beta_2))).sqrt() + self.epsilon as f32;
        let next_z = z - g * rate / scale;
        let share = 1.0 / t;
        let x = (w - z * (1.0 - beta_1)) / beta_1;
        let next_x = x * (1.0 - share) + next_z * share;
        let variable = next_z * (1.0 - beta_1) + next_x * beta_1;
        Updated { variable, slots: vec![next_z, v] }
    }
}
