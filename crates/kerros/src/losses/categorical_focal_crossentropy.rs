use kerros_core::Result;
use kerros_graph::Node;

use super::categorical_crossentropy::share;
use super::define::{crossentropy_methods, loss, named};
use super::smoothing::{check_smoothing, smooth_towards_even};
use super::{Loss, Targets, clip_probability};
use crate::activations::axes::to_last;
use crate::layers::Numbers;

loss! {
    /// `sum(alpha * (1 - p)^gamma * -y_true * log(p))` over the class axis.
    ///
    /// One of several classes where nearly all samples are easy: those count little.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, .., classes] -> [batch, ..]`
    ///
    /// # Parameters
    /// - `alpha`: a factor for all classes, or one for each; default 0.25. `gamma`: how little easy samples count; default 2.
    /// - `from_logits`, `label_smoothing`, `axis`: as in [`super::CategoricalCrossentropy`].
    ///
    /// # Source
    /// Lin, Goyal, Girshick, He, Dollár: "Focal loss for dense object detection", arXiv 1708.02002.
    CategoricalFocalCrossentropy { from_logits: bool = false, label_smoothing: f64 = 0.0, axis: isize = -1, alpha: Vec<f64> = vec![0.25], gamma: f64 = 2.0 }
    name: "categorical_focal_crossentropy",
    names: &["categorical_focal_crossentropy"],
    summary: "cross-entropy of one-hot classes that counts easy samples little",
}

crossentropy_methods!(CategoricalFocalCrossentropy, "Sets the class axis.");

impl CategoricalFocalCrossentropy {
    /// Sets the factor of all classes, or that of each.
    pub fn alpha(mut self, alpha: impl Into<Numbers>) -> Self {
        self.alpha = match alpha.into() {
            Numbers::One(alpha) => vec![alpha],
            Numbers::Each(alphas) => alphas,
        };
        self
    }

    /// Sets how little easy samples count.
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }
}

impl Loss for CategoricalFocalCrossentropy {
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
        // Whatever the axis of the classes: Keras smooths by the length of the last one.
        let y_true = smooth_towards_even(y_true, self.label_smoothing);
        let (y_true, y_pred) = (to_last(y_true, self.axis), to_last(y_pred, self.axis));
        let p = if self.from_logits { y_pred.softmax() } else { y_pred };
        let p = clip_probability(share(p));
        let unsure = (1.0 - p).pow(self.gamma as f32);
        let factor = match self.alpha.as_slice() {
            [alpha] => unsure * *alpha as f32,
            alphas => {
                let one = |&alpha: &f64| p.graph().constant(alpha as f32).reshape([1]);
                unsure * Node::concat(&alphas.iter().map(one).collect::<Vec<_>>(), 0)
            }
        };
        (factor * (-y_true * p.log())).sum(&[-1])
    }
}
