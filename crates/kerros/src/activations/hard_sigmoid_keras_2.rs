use kerros_graph::Node;

use super::Activation;
use super::define::activation;
use super::relu::at_most;

activation! {
    /// `min(max(x / 5 + 1 / 2, 0), 1)`: what Keras 1 and 2 called `hard_sigmoid`.
    ///
    /// Files of those versions are computed with it: it was the default of the gates of `LSTM`
    /// and `GRU`. In Keras 3, [`struct@super::HardSigmoid`] has another slope.
    ///
    /// # Gradient
    /// 0 at -2.5 and 2.5.
    HardSigmoidKeras2 {}
    name: "hard_sigmoid_keras_2",
    names: &[],
    summary: "min(max(x / 5 + 1 / 2, 0), 1), the hard_sigmoid of Keras 1 and 2",
}

impl Activation for HardSigmoidKeras2 {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        at_most((x * 0.2 + 0.5).relu(), 1.0)
    }
}
