use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

use super::adam::Moments;
use super::pattern::Pattern;
use super::rule::is_found;
use super::setting::optimizer;
use super::{Moved, Optimizer, Options, Slot, Step, Updated, Variable};

/// Iterations, at most: each is a part of the graph.
const MAX_STEPS: usize = 64;

optimizer! {
    /// `w = w - rms_rate * sqrt(max(rows, columns)) * rate * orthogonal(g + momentum * m)` for
    /// matrices, with `m = momentum * m + g`; Adam for everything else.
    ///
    /// `orthogonal` pulls all singular values towards 1 by Newton-Schulz iterations
    /// `x = a x + (b X + c X X) x` with `X = x xᵀ`. For the hidden layers of transformers.
    ///
    /// # Parameters
    /// - `adam_beta_1`, `adam_beta_2`, `epsilon`: of Adam. Defaults: 0.9, 0.999, 1e-7.
    /// - `exclude_layers`: regular expressions; variables in whose path one is found go to Adam.
    ///   Default: none.
    /// - `muon_a`, `muon_b`, `muon_c`: `a`, `b`, `c`. Defaults: 3.4445, -4.775, 2.0315.
    /// - `adam_lr_ratio`: Adam's rate over Muon's. Default: 1.
    /// - `momentum`: what is kept of `m` per step. Default: 0.95.
    /// - `ns_steps`: how many iterations. Default: 5.
    /// - `nesterov`: whether `g + momentum * m` is made orthogonal, or `m`. Default: `true`.
    /// - `exclude_embeddings`: whether embeddings go to Adam. Default: `true`.
    /// - `adam_weight_decay`: the weight decay of what goes to Adam; `weight_decay` is that of
    ///   matrices. Defaults: 0.004.
    /// - `rms_rate`: the factor that brings the size of steps near Adam's; `None` leaves out
    ///   the square root too. Default: 0.2.
    ///
    /// # Source
    /// Jordan et al.: "Muon: an optimizer for hidden layers in neural networks", 2024; the size
    /// of steps by Liu et al.: "Muon is scalable for LLM training", arXiv 2502.16982.
    Muon, "orthogonal steps for matrices, Adam for the rest", name: "muon",
    learning_rate: 0.001, weight_decay: 0.004,
    arguments {
        /// The share of the mean gradient that Adam keeps per step.
        adam_beta_1: f64 = 0.9,
        /// The share of the mean square that Adam keeps per step.
        adam_beta_2: f64 = 0.999,
        /// What keeps Adam's division finite.
        epsilon: f64 = 1e-7,
        /// Variables with one of these texts in their path go to Adam.
        exclude_layers: Vec<String> = Vec::new(),
        /// The factor of `x` in an iteration.
        muon_a: f64 = 3.4445,
        /// The factor of `x xᵀ x` in an iteration.
        muon_b: f64 = -4.775,
        /// The factor of `x xᵀ x xᵀ x` in an iteration.
        muon_c: f64 = 2.0315,
        /// Adam's learning rate over Muon's.
        adam_lr_ratio: f64 = 1.0,
        /// The share of the last direction that is kept.
        momentum: f64 = 0.95,
        /// The number of iterations towards an orthogonal matrix.
        ns_steps: usize = 5,
        /// Whether to use Nesterov's momentum.
        nesterov: bool = true,
        /// Whether embeddings go to Adam.
        exclude_embeddings: bool = true,
        /// The weight decay of what goes to Adam.
        adam_weight_decay: Option<f64> = Some(0.004),
        /// The factor that brings the size of steps near Adam's.
        rms_rate: Option<f64> = Some(0.2),
    }
}

impl Muon {
    fn goes_to_adam(&self, variable: &Variable) -> bool {
        let embedding = || variable.path.to_lowercase().contains("embedding");
        variable.shape.ndim() != 2
            || (self.exclude_embeddings && embedding())
            || self.exclude_layers.iter().any(|pattern| is_found(pattern, &variable.path))
    }

    /// The nearest matrix with all singular values near 1: `[rows, columns]` likewise.
    fn orthogonal<'g>(&self, x: Node<'g>) -> Node<'g> {
        let (a, b, c) = (self.muon_a as f32, self.muon_b as f32, self.muon_c as f32);
        let shape = x.shape();
        let tall = shape[0] > shape[1];
        // The iterations are cheaper on a wide matrix, where `x xᵀ` is the smaller square.
        let mut x = if tall { x.transpose(&[1, 0]) } else { x };
        x = x / (Node::global_norm(&[x]) + 1e-7);
        for _ in 0..self.ns_steps {
            let square = x.matmul_with(x, false, true);
            x = a * x + (b * square + (c * square).matmul(square)).matmul(x);
        }
        if tall { x.transpose(&[1, 0]) } else { x }
    }
}

impl Optimizer for Muon {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        if self.ns_steps > MAX_STEPS {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("`ns_steps` is {}", self.ns_steps),
            )
            .expected(format!("at most {MAX_STEPS}")));
        }
        let mut patterns = self.exclude_layers.iter();
        patterns.try_for_each(|pattern| {
            Pattern::new(pattern).map(|_| ()).map_err(|error| error.context("exclude_layers"))
        })
    }

    fn slots(&self, variable: &Variable) -> Vec<Slot> {
        let velocity = self.goes_to_adam(variable).then(|| Slot::zeros("velocity", variable));
        std::iter::once(Slot::zeros("momentum", variable)).chain(velocity).collect()
    }

    fn weight_decay_of(&self, variable: &Variable) -> Option<f64> {
        match self.goes_to_adam(variable) {
            true => self.adam_weight_decay,
            false => self.options.weight_decay,
        }
    }

    fn update<'g>(&self, step: &Step<'g>, moved: &Moved<'_, 'g>) -> Updated<'g> {
        let (w, g, rate) = (moved.variable, moved.gradient, step.learning_rate);
        if self.goes_to_adam(moved.about) {
            let (beta_1, beta_2) = (self.adam_beta_1, self.adam_beta_2);
            let moments = Moments { beta_1, beta_2, epsilon: self.epsilon };
            return moments.update(step, rate * self.adam_lr_ratio as f32, moved);
        }
        let m = (moved.slots[0] + (g + moved.slots[0] * (self.momentum - 1.0) as f32)).flush();
        let direction = if self.nesterov { g + m * self.momentum as f32 } else { m };
        let mut change = self.orthogonal(direction) * rate;
        if let Some(rms_rate) = self.rms_rate {
            let longest = w.shape()[0].max(w.shape()[1]);
            change = change * (longest as f32).sqrt() * rms_rate as f32;
        }
        Updated { variable: w - change, slots: vec![m] }
    }
}
