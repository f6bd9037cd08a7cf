use kerros_graph::Node;

use super::Activation;
use super::define::activation;

activation! {
    /// 0 where `x <= -1`, `x` where `x >= 1`, `(x + 1)^2 / 4` between.
    SparsePlus {}
    name: "sparse_plus",
    names: &[],
    summary: "0, then (x + 1)^2 / 4, then x",
}

impl Activation for SparsePlus {
    fn call<'g>(&self, x: Node<'g>) -> Node<'g> {
        let (low, high) = (x.less_equal(-1.0), x.greater_equal(1.0));
        // Set aside what the square of would overflow: its derivative must stay finite.
        let inner = low.logical_or(high).select(0.0, x) + 1.0;
        low.select(0.0, high.select(x, inner.square() / 4.0))
    }
}
