use kerros_core::{Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, expect_float};

/// `sqrt(sum over all elements of all operands of x^2)`: each operand's squares are summed
/// along one row by the law, the operands' sums are added in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GlobalNorm;

impl Operation for GlobalNorm {
    const NAME: &'static str = "global_norm";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        if inputs.is_empty() {
            return Err(Error::new(ErrorKind::Argument, "no tensors were given"));
        }
        for input in inputs {
            expect_float(input)?;
        }
        Ok(Type::f32([]))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        // At the origin the norm has a kink: 0 is a subgradient.
        let y = context.output;
        let scale = y.equal(0.0).select(0.0, context.dy / y);
        Ok(context.inputs.iter().map(|&x| Some(x * scale)).collect())
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let squares = inputs.iter().map(|x| {
            let flat = x.reshape([x.shape().num_elements()]);
            (flat * flat).sum(&[0])
        });
        squares.reduce(|sum, next| sum + next).map(Node::sqrt)
    }

    attributes!();

    fn samples() -> Vec<Sample<Self>> {
        let inputs = vec![Type::f32([3, 4]), Type::f32([5]), Type::f32([])];
        vec![Sample { op: GlobalNorm, inputs, range: (-2.0, 2.0) }]
    }
}
