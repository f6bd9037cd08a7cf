use kerros_graph::Node;

use super::define::{loss, named};
use super::dice::sum_over;
use super::{EPSILON, Loss, Targets};

loss! {
    /// `1 - t / (t + alpha * missed + beta * extra + 1e-7)`, with `t = sum(y_true * y_pred)`,
    /// `missed = sum(y_true * (1 - y_pred))` and `extra = sum((1 - y_true) * y_pred)`.
    ///
    /// Overlap of masks with a price for each kind of error; [`super::Dice`] is nearly the case of
    /// both 0.5.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..] -> []`, or the axes that are not summed.
    ///
    /// # Parameters
    /// - `alpha`: the price of missed pixels, `beta` of extra ones. Default: 0.5 each.
    /// - `axis`: the axes of the sums. Default: all axes, the batch too, which gives one number.
    ///
    /// # Source
    /// Salehi, Erdogmus, Gholipour: "Tversky loss function for image segmentation using 3D fully
    /// convolutional deep networks", arXiv 1706.05721.
    Tversky { alpha: f64 = 0.5, beta: f64 = 0.5, axis: Option<Vec<isize>> = None }
    name: "tversky",
    names: &["tversky"],
    summary: "lack of overlap of masks, missed and extra pixels priced apart",
}

impl Tversky {
    /// Sets the price of missed pixels.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets the price of extra pixels.
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    /// Sets the axes over which pixels are counted; none: the whole batch is one image.
    pub fn axis(mut self, axis: impl Into<Vec<isize>>) -> Self {
        self.axis = Some(axis.into());
        self
    }
}

impl Loss for Tversky {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let sum = |x: Node<'g>| sum_over(x, self.axis.as_deref());
        let overlap = sum(y_true * y_pred);
        let missed = sum((1.0 - y_pred) * y_true) * self.alpha as f32;
        let extra = sum(y_pred * (1.0 - y_true)) * self.beta as f32;
        1.0 - overlap / (overlap + missed + extra + EPSILON)
    }
}
