use kerros_graph::Node;

use super::Activation;
use super::define::activation;
use super::softplus::softplus;

activation! {
    /// `-log(1 + e^-x)`, the logarithm of the sigmoid.
    LogSigmoid {}
    name: "log_sigmoid",
    names: &[],
    summary: "log(sigmoid(x))",
}

impl Activation for LogSigmoid {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        -softplus(-x)
    }
}
