use kerros_core::Result;

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// The same value, through which no derivative flows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StopGradient;

impl Operation for StopGradient {
    const NAME: &'static str = "stop_gradient";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, _context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(vec![None])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], _ty: &Type) -> Array<T> {
        inputs[0].clone()
    }

    attributes!();

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample { op: StopGradient, inputs: vec![Type::f32([3])], range: (-2.0, 2.0) }]
    }
}
