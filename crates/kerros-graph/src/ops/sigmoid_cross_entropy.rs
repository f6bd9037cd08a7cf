use kerros_core::{Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{
    Backward, Cotangents, Operation, Sample, Tier, expect_float, expect_inputs,
};

/// Cross-entropy of yes and no from logits, element by element:
/// `max(x, 0) - x * target + log1p(e^-|x|)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SigmoidCrossEntropy;

impl Operation for SigmoidCrossEntropy {
    const NAME: &'static str = "sigmoid_cross_entropy";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        expect_float(&inputs[0])?;
        if inputs[0] != inputs[1] {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("logits {} and targets {}", inputs[0], inputs[1]),
            )
            .expected("one type"));
        }
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, target) = (context.inputs[0], context.inputs[1]);
        Ok(vec![Some((x.sigmoid() - target) * context.dy), Some(-x * context.dy)])
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let (x, target) = (inputs[0], inputs[1]);
        Some(x.relu() - x * target + (-x.abs()).exp().log1p())
    }

    attributes!();

    fn samples() -> Vec<Sample<Self>> {
        let ty = Type::f32([4, 3]);
        vec![Sample { op: SigmoidCrossEntropy, inputs: vec![ty.clone(), ty], range: (0.1, 2.0) }]
    }
}
