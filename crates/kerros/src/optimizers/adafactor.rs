use kerros_core::{DType, Shape};
use kerros_graph::Node;

use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Step, Updated, Variable};

optimizer! {
    /// `w = w - alpha * u / max(1, rms(u) / clip_threshold)` with `u = g / sqrt(v)` and
    /// `alpha = max(epsilon_2, rms(w)) * min(rate, 1 / sqrt(t))`.
    ///
    /// Of a matrix, `v` is the product of the running means `r` of the rows and `c` of the
    /// columns of `g^2 + epsilon_1`, divided by the mean of `r`.
    ///
    /// # Parameters
    /// - `beta_2_decay`: `t^beta_2_decay` is what a step adds to the means. Default: -0.8.
    /// - `epsilon_1`: what squares are raised by. Default: 1e-30.
    /// - `epsilon_2`: the least size that a variable counts as. Default: 1e-3.
    /// - `clip_threshold`: how large `rms(u)` may be. Default: 1.
    /// - `relative_step`: whether the rate is at most `1 / sqrt(t)`. Default: `true`. Without
    ///   effect: in Keras the rule takes that minimum in any case.
    ///
    /// # Source
    /// Shazeer, Stern: "Adafactor: adaptive learning rates with sublinear memory cost", arXiv
    /// 1804.04235. As in Keras, `v` is kept too, so no memory is saved.
    Adafactor, "Adam's scale from row and column means", name: "adafactor",
    learning_rate: 0.001,
    arguments {
        /// The exponent of the step in what a step adds to the means.
        beta_2_decay: f64 = -0.8,
        /// What squares are raised by.
        epsilon_1: f64 = 1e-30,
        /// The least size that a variable counts as.
        epsilon_2: f64 = 1e-3,
        /// How large the root mean square of the direction may be.
        clip_threshold: f64 = 1.0,
        /// Whether the rate is at most one by the root of the step.
        relative_step: bool = true,
    }
}

fn rms(x: Node<'_>) -> Node<'_> {
    x.square().mean_all().sqrt()
}

impl Optimizer for Adafactor {
    fn options(&self) -> &Options {
        &self.options
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let [r, c] = match variable.shape.dims() {
            [outer @ .., rows, columns] => {
                let with = |last: usize| outer.iter().copied().chain([last]).collect::<Shape>();
                [Slot::new("r", with(*rows)), Slot::new("c", with(*columns))]
            }
            // Keras keeps two unused whole numbers beside what is not a matrix.
            _ => ["r", "c"].map(|name| Slot { dtype: DType::I32, ..Slot::new(name, []) }),
        };
        vec![r, c, Slot::zeros("velocity", variable)]
    }

    fn slot_path(&self, variable: &Variable, slot: &Slot) -> String {
        match (slot.name, variable.shape.ndim()) {
            ("velocity", _) => {
                format!("{}/{}_velocity", self.name(), variable.path.replace('/', "_"))
            }
            (_, 0 | 1) => variable.name().into(),
            _ => format!("{}/{}", self.name(), variable.name()),
        }
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g) = (moved.variable, moved.gradient);
        let t = step.iterations + 1.0;
        let rate = step.learning_rate.minimum(1.0 / t.sqrt());
        let alpha = rms(w).maximum(self.epsilon_2 as f32) * rate;
        let kept = 1.0 - t.pow(self.beta_2_decay as f32);
        let running = |mean: Node<'g>, x: Node<'g>| mean * kept + x * (1.0 - kept);
        let square = g.square() + self.epsilon_1 as f32;
        let [mut r, mut c, mut v] = [moved.slots[0], moved.slots[1], moved.slots[2]];
        if let last @ 1.. = w.ndim().saturating_sub(1) {
            r = running(r, square.mean(&[-1])); // [.., rows]
            c = running(c, square.mean(&[-2])); // [.., columns]
            let share = r / r.mean(&[-1]).keep(last - 1);
            v = share.expand_dims(last) * c.expand_dims(last - 1); // [.., rows, columns]
        } else {
            v = running(v, square);
        }
        let u = g / v.sqrt();
        let clipped = u / (rms(u) / self.clip_threshold as f32).maximum(1.0);
        Updated { variable: w - clipped * alpha, slots: vec![r, c, v] }
    }
}
