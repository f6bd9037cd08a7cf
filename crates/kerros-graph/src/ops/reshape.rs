use kerros_core::{Error, ErrorKind, Result, Shape};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// The same elements, in the same order, under another shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reshape {
    /// The new shape.
    pub shape: Shape,
}

impl Operation for Reshape {
    const NAME: &'static str = "reshape";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        let from = &inputs[0].shape;
        if from.num_elements() != self.shape.num_elements() {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("a tensor of shape {from} cannot become {}", self.shape),
            )
            .expected(format!("a shape of {} elements", from.num_elements())));
        }
        Ok(Type::new(inputs[0].dtype, &self.shape))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(vec![Some(context.dy.reshape(context.inputs[0].shape()))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        Array { shape: ty.shape.clone(), ..inputs[0].clone() }
    }

    attributes!(shape);

    fn samples() -> Vec<Sample<Self>> {
        let op = Reshape { shape: [3, 4].into() };
        vec![Sample { op, inputs: vec![Type::f32([2, 6])], range: (-2.0, 2.0) }]
    }
}
