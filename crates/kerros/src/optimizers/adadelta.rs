use kerros_graph::Node;

use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Step, Updated, Variable, rest};

optimizer! {
    /// `w = w - rate * rms(d) / rms(g) * g`, `rms` being the root of a running mean square and
    /// `d` the steps before the rate.
    ///
    /// Steps have the unit of the weights. The paper's form has the rate 1.
    ///
    /// # Parameters
    /// - `rho`: the share of the means kept per step. Default: 0.95.
    /// - `epsilon`: what the means are raised by. Default: 1e-7.
    ///
    /// # Source
    /// Zeiler: "ADADELTA: an adaptive learning rate method", arXiv 1212.5701.
    Adadelta, "steps as large as steps have been", name: "adadelta",
    learning_rate: 0.001,
    arguments {
        /// The share of the running means that is kept per step.
        rho: f64 = 0.95,
        /// What the means are raised by.
        epsilon: f64 = 1e-7,
    }
}

impl Optimizer for Adadelta {
    fn options(&self) -> &Options {
        &self.options
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        ["accumulated_grad", "accumulated_delta_var"].map(|n| Slot::zeros(n, variable)).into()
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, rho) = (moved.variable, moved.gradient, self.rho as f32);
        let rms = |mean: Node<'g>| (mean + self.epsilon as f32).sqrt();
        let mean_square =
            |mean: Node<'g>, x: Node<'g>| (mean * rho + x.square() * rest(self.rho)).flush();
        let gradients = mean_square(moved.slots[0], g);
        let delta = -(rms(moved.slots[1]) * g / rms(gradients));
        let deltas = mean_square(moved.slots[1], delta);
        Updated { variable: w + delta * step.learning_rate, slots: vec![gradients, deltas] }
    }
}
