use kerros_core::Result;

use super::argsort::expect_sortable;
use crate::attributes::attributes;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier};

/// `y = (x - max) - log(sum(e^(x - max)))` over the last axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogSoftmax;

impl Operation for LogSoftmax {
    const NAME: &'static str = "log_softmax";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_sortable(inputs)?;
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        // dx = dy - softmax(x) * sum(dy)
        let (y, dy) = (context.output, context.dy);
        let last = y.ndim() - 1;
        Ok(vec![Some(dy - y.exp() * dy.sum(&[-1]).keep(last))])
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let x = inputs[0];
        let last = x.ndim() - 1;
        let shifted = x - x.max(&[-1]).keep(last).stop_gradient();
        Some(shifted - shifted.exp().sum(&[-1]).log().keep(last))
    }

    attributes!();

    fn samples() -> Vec<Sample<Self>> {
        [&[4, 10][..], &[2, 3, 5][..]]
            .map(|shape| Sample {
                op: LogSoftmax,
                inputs: vec![Type::f32(shape)],
                range: (-3.0, 3.0),
            })
            .to_vec()
    }
}
