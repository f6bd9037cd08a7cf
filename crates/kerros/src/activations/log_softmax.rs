use kerros_graph::Node;

use super::Activation;
use super::axes::along;
use super::define::activation;

activation! {
    /// `x - log(sum(e^x))` over an axis: the logarithm of [`struct@super::Softmax`].
    ///
    /// # Parameters
    /// - `axis`: the axis, or several axes that are taken together. Default: the last.
    LogSoftmax { axis: Option<Vec<isize>> = None }
    name: "log_softmax",
    names: &[],
    summary: "log(softmax(x))",
}

impl LogSoftmax {
    /// Sets the axis, or several axes that are taken together.
    pub fn axis(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.axis = Some(axes.into());
        self
    }
}

impl Activation for LogSoftmax {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        along(x, self.axis.as_deref().unwrap_or(&[-1]), Node::log_softmax)
    }
}
