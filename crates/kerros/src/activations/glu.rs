use kerros_core::{Error, ErrorKind};
use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// `a * sigmoid(b)`, where `a` and `b` are the halves of `x` along an axis.
    ///
    /// # Shape
    /// `x: [batch, .., 2 n] -> [batch, .., n]`
    ///
    /// # Parameters
    /// - `axis`: the axis that is halved; its length must be even. Default: -1.
    ///
    /// # Source
    /// Dauphin et al.: "Language modeling with gated convolutional networks", arXiv 1612.08083.
    Glu { axis: isize = -1 }
    name: "glu",
    names: &[],
    summary: "one half times the sigmoid of the other",
}

impl Glu {
    /// Sets the axis that is halved.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl Activation for Glu {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        let shape = x.shape();
        let axis = match shape.axis(self.axis) {
            Ok(axis) => axis,
            Err(error) => return x.graph().fail(error, x.ty()),
        };
        let len = shape[axis];
        if !len.is_multiple_of(2) {
            let message = format!("glu of shape {shape} along axis {axis}");
            let error = Error::new(ErrorKind::Shape, message)
                .expected("an even length, half values and half gates");
            return x.graph().fail(error, x.ty());
        }
        let half = len / 2;
        x.slice(axis, 0, half) * x.slice(axis, half, len).sigmoid()
    }
}
