use kerros_core::{Error, ErrorKind, Result};

use super::transpose::strided;
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// Every `step`-th of the elements `start..end` along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    /// Along which axis.
    pub axis: usize,
    /// The first element.
    pub start: usize,
    /// One past the last element considered.
    pub end: usize,
    /// The distance between elements; at least 1.
    pub step: usize,
}

impl Operation for Slice {
    const NAME: &'static str = "slice";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        let shape = &inputs[0].shape;
        let len = shape.get(self.axis).copied();
        if self.step == 0 || self.start > self.end || len.is_none_or(|len| self.end > len) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!(
                    "the slice {}..{} by {} of axis {} of the shape {shape}",
                    self.start, self.end, self.step, self.axis
                ),
            )
            .expected("start <= end <= the axis' length, and a step of at least 1"));
        }
        let mut dims = shape.to_vec();
        dims[self.axis] = (self.end - self.start).div_ceil(self.step);
        Ok(Type::new(inputs[0].dtype, dims))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let len = context.inputs[0].shape()[self.axis];
        let taken = context.output.shape()[self.axis];
        // The padded gradient ends at the last element taken.
        let reached =
            if taken == 0 { self.start } else { self.start + (taken - 1) * self.step + 1 };
        Ok(vec![Some(context.dy.pad(self.axis, self.start, len - reached, self.step))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let mut strides = inputs[0].shape.strides();
        let offset = self.start * strides[self.axis];
        strides[self.axis] *= self.step;
        inputs[0].gather(&ty.shape, |i| offset + strided(i, &ty.shape, &strides))
    }

    attributes!(axis, start, end, step);

    fn samples() -> Vec<Sample<Self>> {
        [(0, 1, 3, 1), (1, 0, 5, 2), (1, 1, 5, 3), (2, 2, 2, 1)]
            .map(|(axis, start, end, step)| Sample {
                op: Slice { axis, start, end, step },
                inputs: vec![Type::f32([4, 5, 3])],
                range: (-2.0, 2.0),
            })
            .to_vec()
    }
}
