use kerros_core::{Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// Zeros before, after and between the elements of an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pad {
    /// Along which axis.
    pub axis: usize,
    /// Zeros before.
    pub low: usize,
    /// Zeros after.
    pub high: usize,
    /// One more than the zeros between neighbours; at least 1.
    pub step: usize,
}

impl Operation for Pad {
    const NAME: &'static str = "pad";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        let shape = &inputs[0].shape;
        if self.step == 0 || self.axis >= shape.ndim() {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("padding axis {} of the shape {shape} by {}", self.axis, self.step),
            )
            .expected("an axis of the operand, and a step of at least 1"));
        }
        let mut dims = shape.to_vec();
        let len = dims[self.axis];
        let spread = match len.checked_sub(1) {
            Some(gaps) => gaps.checked_mul(self.step).and_then(|spread| spread.checked_add(1)),
            None => Some(0),
        };
        let sum = |length: usize| self.low.checked_add(length)?.checked_add(self.high);
        dims[self.axis] = spread.and_then(sum).ok_or_else(|| {
            let what = format!("{len} elements, {} before and {} after", self.low, self.high);
            Error::new(ErrorKind::Shape, what).expected("an axis that memory can hold")
        })?;
        Ok(Type::new(inputs[0].dtype, dims))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let padded = context.output.shape()[self.axis];
        let dx = context.dy.slice_step(self.axis, self.low, padded - self.high, self.step);
        Ok(vec![Some(dx)])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let inner: usize = ty.shape[self.axis + 1..].iter().product();
        let (len, padded) = (inputs[0].shape[self.axis], ty.shape[self.axis]);
        inputs[0].gather_or_zero(&ty.shape, |i| {
            let (outer, within) = (i / (padded * inner), i % (padded * inner));
            let from_low = (within / inner).checked_sub(self.low)?;
            let at = from_low / self.step;
            let hit = from_low % self.step == 0 && at < len;
            hit.then_some((outer * len + at) * inner + within % inner)
        })
    }

    attributes!(axis, low, high, step);

    fn samples() -> Vec<Sample<Self>> {
        [(0, 1, 0, 1), (1, 0, 2, 1), (1, 1, 1, 3)]
            .map(|(axis, low, high, step)| Sample {
                op: Pad { axis, low, high, step },
                inputs: vec![Type::f32([2, 3])],
                range: (-2.0, 2.0),
            })
            .to_vec()
    }
}
