use kerros_core::{Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// Axis `i` of the result is axis `axes[i]` of the operand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transpose {
    /// The operand's axes in their new order.
    pub axes: Vec<usize>,
}

impl Operation for Transpose {
    const NAME: &'static str = "transpose";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        let shape = &inputs[0].shape;
        let mut sorted = self.axes.clone();
        sorted.sort_unstable();
        if sorted != (0..shape.ndim()).collect::<Vec<_>>() {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("the axes {:?} for the shape {shape}", self.axes),
            )
            .expected(format!("each of 0..{} once", shape.ndim())));
        }
        Ok(Type::new(
            inputs[0].dtype,
            self.axes.iter().map(|&axis| shape[axis]).collect::<Vec<_>>(),
        ))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let mut inverse = vec![0; self.axes.len()];
        for (to, &from) in self.axes.iter().enumerate() {
            inverse[from] = to;
        }
        Ok(vec![Some(context.dy.transpose(&inverse))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let strides = inputs[0].shape.strides();
        let strides: Vec<usize> = self.axes.iter().map(|&axis| strides[axis]).collect();
        inputs[0].gather(&ty.shape, |i| strided(i, &ty.shape, &strides))
    }

    attributes!(axes);

    fn samples() -> Vec<Sample<Self>> {
        vec![
            Sample {
                op: Transpose { axes: vec![1, 0] },
                inputs: vec![Type::f32([3, 5])],
                range: (-2.0, 2.0),
            },
            Sample {
                op: Transpose { axes: vec![2, 0, 1] },
                inputs: vec![Type::f32([2, 3, 4])],
                range: (-2.0, 2.0),
            },
        ]
    }
}

/// The position that flat index `i` of `shape` has under other strides.
pub(super) fn strided(i: usize, shape: &[usize], strides: &[usize]) -> usize {
    let (mut rest, mut position) = (i, 0);
    for (dim, stride) in shape.iter().zip(strides).rev() {
        position += rest % dim * stride;
        rest /= dim;
    }
    position
}
