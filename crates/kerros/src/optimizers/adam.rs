use kerros_graph::Node;

use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Step, Updated, Variable, rest};

optimizer! {
    /// `w = w - alpha * m / (sqrt(v) + epsilon)` with running means `m` of `g` and `v` of `g^2`
    /// and `alpha = rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`.
    ///
    /// Every weight has its own step size: the first choice for most networks.
    ///
    /// # Parameters
    /// - `beta_1`, `beta_2`: the shares of the means kept per step. Defaults: 0.9, 0.999.
    /// - `epsilon`: what keeps the division finite (the paper's "epsilon hat"). Default: 1e-7.
    /// - `amsgrad`: whether to divide by the largest `v` so far. Default: `false`.
    ///
    /// # Example
    /// ```
    /// use kerros::Described;
    /// use kerros::optimizers::Adam;
    /// let optimizer = Adam::new(1e-3).beta_1(0.8).clipnorm(1.0);
    /// assert_eq!(optimizer.config()["beta_2"], 0.999);
    /// ```
    ///
    /// # Source
    /// Kingma, Ba: "Adam: a method for stochastic optimization", arXiv 1412.6980, the variant
    /// before section 2.1. Reddi, Kale, Kumar: "On the convergence of Adam and beyond", 2018.
    Adam, "adaptive moments: the usual choice", name: "adam",
    learning_rate: 0.001,
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

impl Optimizer for Adam {
    fn options(&self) -> &Options {
        &self.options
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        slots(variable, self.amsgrad)
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let Adam { beta_1, beta_2, epsilon, .. } = *self;
        Moments { beta_1, beta_2, epsilon }.update(step, step.learning_rate, moved)
    }
}

/// Momentum and velocity; for AMSGrad also the largest velocity so far.
pub(super) fn slots(variable: &Variable, amsgrad: bool) -> Vec<Slot> {
    let mut slots = vec![Slot::zeros("momentum", variable), Slot::zeros("velocity", variable)];
    if amsgrad {
        slots.push(Slot::zeros("velocity_hat", variable).in_group(1));
    }
    slots
}

/// Adam's rule, for all optimizers that have it inside.
pub(super) struct Moments {
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
}

impl Moments {
    /// One step of Adam; of AMSGrad where there is a third slot.
    pub fn update<'g>(
        &self,
        step: &Step<'g>,
        rate: Node<'g>,
        moved: &Moved<'_, 'g>,
    ) -> Updated<'g> {
        let (w, g) = (moved.variable, moved.gradient);
        let alpha = rate * (1.0 - step.power(self.beta_2)).sqrt() / (1.0 - step.power(self.beta_1));
        let m = (moved.slots[0] + (g - moved.slots[0]) * rest(self.beta_1)).flush();
        let v = (moved.slots[1] + (g.square() - moved.slots[1]) * rest(self.beta_2)).flush();
        let largest = moved.slots.get(2).map(|largest| largest.maximum(v));
        let scale = largest.unwrap_or(v).sqrt() + self.epsilon as f32;
        let slots = [m, v].into_iter().chain(largest).collect();
        Updated { variable: w - m * alpha / scale, slots }
    }
}
