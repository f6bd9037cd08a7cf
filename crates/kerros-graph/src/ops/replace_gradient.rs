use kerros_core::{Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// The first operand's value with the second's derivative: how a function gets a derivative
/// that is not its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplaceGradient;

impl Operation for ReplaceGradient {
    const NAME: &'static str = "replace_gradient";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        expect_float(&inputs[0])?;
        if inputs[0] != inputs[1] {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("the value is {}, its surrogate {}", inputs[0], inputs[1]),
            )
            .expected("one type"));
        }
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(vec![None, Some(context.dy)])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], _ty: &Type) -> Array<T> {
        inputs[0].clone()
    }

    attributes!();

    fn samples() -> Vec<Sample<Self>> {
        let ty = Type::f32([3]);
        vec![Sample { op: ReplaceGradient, inputs: vec![ty.clone(), ty], range: (-2.0, 2.0) }]
    }
}
