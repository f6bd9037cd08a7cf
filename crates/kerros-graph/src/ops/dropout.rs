use kerros_core::{DType, Error, ErrorKind, Result};

use super::RandomBits;
use crate::attributes::{Bits, attributes};
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{
    Backward, Cotangents, Operation, Sample, Tier, expect_float, expect_inputs,
};

/// `y = x / (1 - rate)` where a uniform number is at least `rate`, else 0.
///
/// The inputs are `x` and a key as in [`RandomBits`]. The derivative draws the same numbers
/// again rather than keep them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dropout {
    /// The share of elements that become 0: `0 <= rate < 1`.
    pub rate: Bits,
    /// The random stream.
    pub stream: u32,
}

impl Operation for Dropout {
    const NAME: &'static str = "dropout";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        expect_float(&inputs[0])?;
        if inputs[1] != Type::new(DType::I32, [4]) || !(0.0..1.0).contains(&self.rate.get()) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("a rate of {} and a key of type {}", self.rate.get(), inputs[1]),
            )
            .expected("0 <= rate < 1 and a key of type int32[4]"));
        }
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let again = context.dy.graph().apply(self.clone(), &[context.dy, context.inputs[1]]);
        Ok(vec![Some(again), None])
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let (x, key) = (inputs[0], inputs[1]);
        let bits = RandomBits { stream: self.stream, shape: x.shape() };
        let uniform = x.graph().apply(bits, &[key]).unit_float();
        let rate = self.rate.get();
        Some(uniform.less(rate).select(0.0, x * (1.0 / (1.0 - rate))))
    }

    attributes!(rate, stream);

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample {
            op: Dropout { rate: Bits::new(0.3), stream: 2 },
            inputs: vec![Type::f32([5, 7]), Type::new(DType::I32, [4])],
            range: (-2.0, 2.0),
        }]
    }
}
