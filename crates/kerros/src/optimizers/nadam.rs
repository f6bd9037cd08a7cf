use kerros_core::Shape;
use kerros_graph::Node;

use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Start, Step, Updated, Variable};

optimizer! {
    /// `w = w - rate * m' / (sqrt(v / (1 - beta_2^t)) + epsilon)` with
    /// `m' = u_(t+1) * m / (1 - U * u_(t+1)) + (1 - u_t) * g / (1 - U)`.
    ///
    /// Adam with Nesterov's look ahead. `u_t = beta_1 * (1 - 0.96^t / 2)` is the momentum of
    /// step t and `U` the product of all so far.
    ///
    /// # Parameters
    /// - `beta_1`, `beta_2`: the shares of the means kept per step. Defaults: 0.9, 0.999.
    /// - `epsilon`: what keeps the division finite. Default: 1e-7.
    ///
    /// # Source
    /// Dozat: "Incorporating Nesterov momentum into Adam", 2016.
    Nadam, "Adam with Nesterov's momentum", name: "nadam",
    learning_rate: 0.001,
    arguments {
        /// The share of the mean gradient that is kept per step.
        beta_1: f64 = 0.9,
        /// The share of the mean square that is kept per step.
        beta_2: f64 = 0.999,
        /// What keeps the division finite.
        epsilon: f64 = 1e-7,
    }
}

/// How the momentum grows towards `beta_1`.
const DECAY: f32 = 0.96;

/// `1 - 0.96^step / 2`.
fn growth(step: Node<'_>) -> Node<'_> {
    1.0 - 0.5 * step.graph().constant(DECAY).pow(step)
}

impl Optimizer for Nadam {
    fn options(&self) -> &Options {
        &self.options
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        vec![Slot::zeros("momentum", variable), Slot::zeros("velocity", variable)]
    }

    fn shared_slots(&self) -> Vec<Slot> {
        // Keras does not name the product of momenta.
        vec![Slot::new("variable", Shape::scalar()).starting(Start::Filled(1.0))]
    }

    fn update_shared<'g>(&self, step: &Step<'g>) -> Vec<Node<'g>> {
        vec![step.shared[0] * self.beta_1 as f32 * growth(step.iterations + 1.0)]
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, rate) = (moved.variable, moved.gradient, step.learning_rate);
        let (beta_1, beta_2) = (self.beta_1 as f32, self.beta_2 as f32);
        let momentum = beta_1 * growth(step.iterations + 1.0);
        let next_momentum = beta_1 * growth(step.iterations + 2.0);
        let product = step.shared[0];
        let next_product = product * next_momentum;
        // Here Keras subtracts in `f32`.
        let m = (moved.slots[0] + (g - moved.slots[0]) * (1.0 - beta_1)).flush();
        let v = (moved.slots[1] + (g.square() - moved.slots[1]) * (1.0 - beta_2)).flush();
        let ahead =
            m * next_momentum / (1.0 - next_product) + g * (1.0 - momentum) / (1.0 - product);
        let scale = (v / (1.0 - step.power(self.beta_2))).sqrt() + self.epsilon as f32;
        Updated { variable: w - ahead * rate / scale, slots: vec![m, v] }
    }
}
