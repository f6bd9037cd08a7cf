use kerros_core::Result;

use super::argsort::expect_sortable;
use crate::attributes::attributes;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier};

/// `y = e^(x - max) / sum(e^(x - max))` over the last axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Softmax;

impl Operation for Softmax {
    const NAME: &'static str = "softmax";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_sortable(inputs)?;
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        // dx = (dy - sum(dy * y)) * y
        let (y, dy) = (context.output, context.dy);
        let last = y.ndim() - 1;
        let weighted = (dy * y).sum(&[-1]).keep(last);
        Ok(vec![Some((dy - weighted) * y)])
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let x = inputs[0];
        let last = x.ndim() - 1;
        // The shift cancels, so no derivative may flow through the maximum.
        let shifted = x - x.max(&[-1]).keep(last).stop_gradient();
        let powers = shifted.exp();
        Some(powers / powers.sum(&[-1]).keep(last))
    }

    attributes!();

    fn samples() -> Vec<Sample<Self>> {
        [&[4, 10][..], &[2, 3, 5][..], &[7][..]]
            .map(|shape| Sample { op: Softmax, inputs: vec![Type::f32(shape)], range: (-3.0, 3.0) })
            .to_vec()
    }
}
