use kerros_core::Result;
use kerros_graph::Node;

use super::binary_crossentropy::elementwise;
use super::define::{crossentropy_methods, loss, named};
use super::smoothing::{check_smoothing, smooth_towards_half};
use super::{Loss, Targets};

loss! {
    /// `mean((1 - q)^gamma * crossentropy)` over an axis, with `q` the probability given to the
    /// truth.
    ///
    /// Yes or no where nearly all samples are easy: those count little.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., n] -> [batch, ..]`
    ///
    /// # Parameters
    /// - `apply_class_balancing`: whether to weigh yes by `alpha` and no by `1 - alpha`. Default:
    ///   `false`.
    /// - `alpha`: default 0.25. `gamma`: how little easy samples count; default 2.
    /// - `from_logits`, `label_smoothing`, `axis`: as in [`super::BinaryCrossentropy`].
    ///
    /// # Source
    /// Lin, Goyal, Girshick, He, Dollár: "Focal loss for dense object detection", arXiv 1708.02002.
    BinaryFocalCrossentropy { from_logits: bool = false, label_smoothing: f64 = 0.0, axis: isize = -1, apply_class_balancing: bool = false, alpha: f64 = 0.25, gamma: f64 = 2.0 }
    name: "binary_focal_crossentropy",
    names: &["binary_focal_crossentropy"],
    summary: "cross-entropy of yes and no that counts easy samples little",
}

crossentropy_methods!(BinaryFocalCrossentropy, "Sets the axis of the mean.");

impl BinaryFocalCrossentropy {
    /// Sets whether to weigh yes by `alpha` and no by `1 - alpha`.
    pub fn apply_class_balancing(mut self, apply_class_balancing: bool) -> Self {
        self.apply_class_balancing = apply_class_balancing;
        self
    }

    /// Sets the weight of yes.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets how little easy samples count.
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }
}

impl Loss for BinaryFocalCrossentropy {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn check(&self) -> Result<()> {
        check_smoothing(self.label_smoothing)
    }

    fn from_logits(&self) -> Option<bool> {
        Some(self.from_logits)
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let y_true = smooth_towards_half(y_true, self.label_smoothing);
        let p = if self.from_logits { y_pred.sigmoid() } else { y_pred };
        let truth = y_true * p + (1.0 - y_true) * (1.0 - p);
        let mut losses = (1.0 - truth).pow(self.gamma as f32) * elementwise(y_true, p, false);
        if self.apply_class_balancing {
            let alpha = self.alpha as f32;
            losses = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * losses;
        }
        losses.mean(&[self.axis])
    }
}
