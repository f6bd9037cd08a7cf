use crate::attributes::named_attribute;
use crate::node::Node;

/// What a recurrent cell applies to its sums: functions whose derivative follows from their
/// value, so that the value is all that is kept for the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CellActivation {
    /// `x`.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid,
    /// Hyperbolic tangent.
    Tanh,
}
named_attribute!(CellActivation {
    Identity = "identity",
    Relu = "relu",
    Sigmoid = "sigmoid",
    HardSigmoid = "hard_sigmoid",
    Tanh = "tanh",
});

impl CellActivation {
    /// `y = act(x)`.
    #[track_caller]
    pub fn apply(self, x: Node<'_>) -> Node<'_> {
        match self {
            CellActivation::Identity => x,
            CellActivation::Relu => x.relu(),
            CellActivation::Sigmoid => x.sigmoid(),
            CellActivation::HardSigmoid => {
                let shifted = (x + 3.0).relu();
                shifted.greater_equal(6.0).select(6.0, shifted) / 6.0
            }
            CellActivation::Tanh => x.tanh(),
        }
    }

    /// `dx = dy act'(x)`, from the value `y = act(x)`.
    ///
    /// # Gradient
    /// 0 at the kinks: at 0 for relu, at -3 and 3 for the hard sigmoid.
    #[track_caller]
    pub fn backward<'g>(self, y: Node<'g>, dy: Node<'g>) -> Node<'g> {
        match self {
            CellActivation::Identity => dy,
            CellActivation::Relu => y.less_equal(0.0).select(0.0, dy),
            CellActivation::Sigmoid => dy * (y * (1.0 - y)),
            CellActivation::HardSigmoid => {
                let straight = y.greater(0.0).logical_and(y.less(1.0));
                straight.select(dy / 6.0, 0.0)
            }
            CellActivation::Tanh => dy * (1.0 - y * y),
        }
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::{DType, Tensor};

    use super::*;
    use crate::Graph;
    use crate::eval::evaluate;

    #[test]
    fn derivatives_follow_from_values() {
        let points = [-4.0f64, -2.5, -0.7, 0.3, 1.2, 3.5];
        for activation in [
            CellActivation::Identity,
            CellActivation::Relu,
            CellActivation::Sigmoid,
            CellActivation::HardSigmoid,
            CellActivation::Tanh,
        ] {
            let graph = Graph::new();
            let x = graph.input("x", [points.len()], DType::F32);
            let y = activation.apply(x);
            let dx = activation.backward(y, graph.full([points.len()], 3.0));
            let at = |shift: f64| {
                let values = Tensor::new([points.len()], points.map(|x| x + shift)).unwrap();
                let found = evaluate::<f64>(&graph, &[y, dx], &[values], &[]).unwrap();
                [found[0].to_vec_f64(), found[1].to_vec_f64()]
            };
            let (up, down, exact) = (at(1e-5), at(-1e-5), at(0.0));
            for i in 0..points.len() {
                let difference = 3.0 * (up[0][i] - down[0][i]) / 2e-5;
                let dx = exact[1][i];
                assert!((difference - dx).abs() < 1e-8, "{activation:?}: {dx} {difference}");
            }
        }
    }
}
