use kerros_graph::Node;

use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Step, Updated, Variable, rest};

optimizer! {
    /// `w = w - rate * |w| / |u| * u` with Adam's direction
    /// `u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)`.
    ///
    /// Each variable moves by a share of its own norm: for very large batches. Where `|w|` or
    /// `|u|` is 0 their quotient counts as 1.
    ///
    /// # Parameters
    /// - `beta_1`, `beta_2`: the shares of the means kept per step. Defaults: 0.9, 0.999.
    /// - `epsilon`: what keeps the division finite. Default: 1e-7.
    ///
    /// # Source
    /// You et al.: "Large batch optimization for deep learning: training BERT in 76 minutes",
    /// arXiv 1904.00962; as in Keras, weight decay stays outside.
    Lamb, "Adam with steps scaled to each variable's norm", name: "lamb",
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

impl Optimizer for Lamb {
    fn options(&self) -> &Options {
        &self.options
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        vec![Slot::zeros("momentum", variable), Slot::zeros("velocity", variable)]
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, rate) = (moved.variable, moved.gradient, step.learning_rate);
        let m = (moved.slots[0] + (g - moved.slots[0]) * rest(self.beta_1)).flush();
        let v = (moved.slots[1] + (g.square() - moved.slots[1]) * rest(self.beta_2)).flush();
        let scale = (v / (1.0 - step.power(self.beta_2))).sqrt() + self.epsilon as f32;
        let direction = m / (1.0 - step.power(self.beta_1)) / scale;
        let (norm_w, norm_u) = (Node::global_norm(&[w]), Node::global_norm(&[direction]));
        let both = norm_w.greater(0.0).logical_and(norm_u.greater(0.0));
        let ratio = both.select(norm_w / norm_u, 1.0);
        Updated { variable: w - direction * (ratio * rate), slots: vec![m, v] }
    }
}
