use kerros_graph::Node;

use super::Activation;
use super::axes::along;
use super::define::activation;

activation! {
    /// `e^x / sum(e^x)` over an axis: positive numbers that sum to 1.
    ///
    /// The last layer's activation for one of several classes.
    ///
    /// # Parameters
    /// - `axis`: the axis, or several axes that are taken together. Default: the last.
    Softmax { axis: Option<Vec<isize>> = None }
    name: "softmax",
    names: &[],
    summary: "e^x / sum(e^x): probabilities of classes",
}

impl Softmax {
    /// Sets the axis, or several axes that are taken together.
    pub fn axis(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.axis = Some(axes.into());
        self
    }
}

impl Activation for Softmax {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        along(x, self.axis.as_deref().unwrap_or(&[-1]), Node::softmax)
    }
}
