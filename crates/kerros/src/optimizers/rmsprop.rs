use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Step, Updated, Variable, rest};

optimizer! {
    /// `w = w - rate * g / sqrt(v + epsilon)` with the running mean `v` of `g^2`.
    ///
    /// # Parameters
    /// - `rho`: the share of the means kept per step. Default: 0.9.
    /// - `momentum`: the share of the last step that is kept. Default: 0.
    /// - `epsilon`: what keeps the division finite. Default: 1e-7.
    /// - `centered`: whether to divide by the variance, `v` less the square of the running
    ///   mean of `g`. Default: `false`.
    ///
    /// # Source
    /// Tieleman, Hinton: lecture 6.5 of "Neural networks for machine learning", 2012. Centered:
    /// Graves: "Generating sequences with recurrent neural networks", arXiv 1308.0850.
    RMSprop, "steps divided by the gradient's running size", name: "rm_sprop",
    learning_rate: 0.001,
    arguments {
        /// The share of the running means that is kept per step.
        rho: f64 = 0.9,
        /// The share of the last step that is kept.
        momentum: f64 = 0.0,
        /// What keeps the division finite.
        epsilon: f64 = 1e-7,
        /// Whether to divide by the variance of the gradient instead of its mean square.
        centered: bool = false,
    }
}

impl Optimizer for RMSprop {
    fn options(&self) -> &Options {
        &self.options
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let momentum = Slot::zeros("momentum", variable).in_group(1);
        let mean = Slot::zeros("average_gradient", variable).in_group(2);
        let optional = [(self.momentum > 0.0, momentum), (self.centered, mean)];
        let velocity = Slot::zeros("velocity", variable);
        let wanted = optional.into_iter().filter_map(|(wanted, slot)| wanted.then_some(slot));
        std::iter::once(velocity).chain(wanted).collect()
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, rate) = (moved.variable, moved.gradient, step.learning_rate);
        let (rho, epsilon) = (self.rho as f32, self.epsilon as f32);
        let mut given = moved.slots.iter().copied();
        let mut next_slot = || given.next().expect("as many values as `slots` has entries");
        let v = (next_slot() * rho + g.square() * rest(self.rho)).flush();
        let mut slots = vec![v];
        let step_before = (self.momentum > 0.0).then(&mut next_slot);
        let mean = self.centered.then(|| (next_slot() * rho + g * rest(self.rho)).flush());
        let spread = mean.map_or(v, |mean| v - mean.square());
        let increment = g * rate / (spread + epsilon).sqrt();
        let momentum =
            step_before.map(|before| (before * self.momentum as f32 + increment).flush());
        slots.extend(momentum);
        slots.extend(mean);
        Updated { variable: w - momentum.unwrap_or(increment), slots }
    }
}
