use kerros_core::{Error, ErrorKind, Result, Shape};

use super::transpose::strided;
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// Axes of length 1 stretched, and axes added in front, by NumPy's rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Broadcast {
    /// The shape to fill.
    pub shape: Shape,
}

impl Broadcast {
    /// Elements of the operand to skip per step along each axis of the result; 0 where it
    /// is stretched.
    pub fn strides(&self, from: &Shape) -> Vec<usize> {
        let missing = self.shape.ndim() - from.ndim();
        let strides = from.strides();
        (0..self.shape.ndim())
            .map(|axis| match axis.checked_sub(missing) {
                Some(axis) if from[axis] != 1 => strides[axis],
                _ => 0,
            })
            .collect()
    }
}

impl Operation for Broadcast {
    const NAME: &'static str = "broadcast";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        if inputs[0].shape.broadcast(&self.shape).as_ref() != Some(&self.shape) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("{} does not broadcast to {}", inputs[0].shape, self.shape),
            )
            .expected("equal lengths, or 1, on each axis counted from the end"));
        }
        Ok(Type::new(inputs[0].dtype, &self.shape))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let from = context.inputs[0].shape();
        let missing = self.shape.ndim() - from.ndim();
        let stretched: Vec<isize> = (0..self.shape.ndim())
            .filter(|&axis| axis < missing || (from[axis - missing] == 1 && self.shape[axis] != 1))
            .map(|axis| axis as isize)
            .collect();
        Ok(vec![Some(context.dy.sum(&stretched).reshape(from))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let strides = self.strides(&inputs[0].shape);
        inputs[0].gather(&ty.shape, |i| strided(i, &ty.shape, &strides))
    }

    attributes!(shape);

    fn samples() -> Vec<Sample<Self>> {
        let to = |from: &[usize]| Sample {
            op: Broadcast { shape: [4, 3, 5].into() },
            inputs: vec![Type::f32(from)],
            range: (-2.0, 2.0),
        };
        vec![to(&[]), to(&[5]), to(&[3, 1]), to(&[4, 1, 5]), to(&[1, 1, 1])]
    }
}
