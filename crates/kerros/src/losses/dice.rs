use kerros_graph::Node;

use super::define::{loss, named};
use super::{EPSILON, Loss, Targets};

loss! {
    /// `1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred) + 1e-7)`.
    ///
    /// Overlap of masks, where the object fills little of the image.
    ///
    /// # Shape
    /// `y_true, y_pred: [batch, ..] -> []`, or the axes that are not summed.
    ///
    /// # Parameters
    /// - `axis`: the axes of the sums. Default: all axes, the batch too, which gives one number.
    Dice { axis: Option<Vec<isize>> = None }
    name: "dice",
    names: &["dice"],
    summary: "lack of overlap of masks",
}

impl Dice {
    /// Sets the axes over which pixels are counted; none: the whole batch is one image.
    pub fn axis(mut self, axis: impl Into<Vec<isize>>) -> Self {
        self.axis = Some(axis.into());
        self
    }
}

impl Loss for Dice {
    named!();

    fn targets(&self) -> Targets {
        Targets::Values
    }

    fn call<'g>(&self, y_true: Node<'g>, y_pred: Node<'g>) -> Node<'g> {
        let sum = |x: Node<'g>| sum_over(x, self.axis.as_deref());
        let overlap = sum(y_true * y_pred);
        1.0 - overlap * 2.0 / (sum(y_true) + sum(y_pred) + EPSILON)
    }
}

/// The sum over some axes, or over all.
pub(crate) fn sum_over<'g>(x: Node<'g>, axes: Option<&[isize]>) -> Node<'g> {
    axes.map_or_else(|| x.sum_all(), |axes| x.sum(axes))
}
