use kerros_core::{DType, Error, ErrorKind, Result};

use super::ReduceKind;
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// The index of the largest or smallest along an axis: the first of equals, or the first NaN.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArgReduce {
    /// [`ReduceKind::Max`] or [`ReduceKind::Min`].
    pub kind: ReduceKind,
    /// Along which axis.
    pub axis: usize,
}

impl Operation for ArgReduce {
    const NAME: &'static str = "arg_reduce";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        expect_float(&inputs[0])?;
        let mut dims = inputs[0].shape.to_vec();
        if self.axis >= dims.len() || dims[self.axis] == 0 || self.kind == ReduceKind::Sum {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("axis {} of {}", self.axis, inputs[0]),
            )
            .expected("an axis that is not empty, and max or min"));
        }
        dims.remove(self.axis);
        Ok(Type::new(DType::I32, dims))
    }

    fn backward<'g>(&self, _context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(vec![None])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let x = inputs[0].as_floats();
        let shape = &inputs[0].shape;
        let len = shape[self.axis];
        let inner: usize = shape[self.axis + 1..].iter().product();
        let indices = (0..ty.shape.num_elements()).map(|i| {
            let start = i / inner * len * inner + i % inner;
            let at = |position: usize| x[start + position * inner].to_f64();
            let mut best = 0;
            for position in 1..len {
                let (old, new) = (at(best), at(position));
                let better = if self.kind == ReduceKind::Max { new > old } else { new < old };
                if !old.is_nan() && (better || new.is_nan()) {
                    best = position;
                }
            }
            best as i32
        });
        Array::ints(&ty.shape, indices.collect())
    }

    attributes!(kind, axis);

    fn samples() -> Vec<Sample<Self>> {
        [(ReduceKind::Max, 0), (ReduceKind::Max, 1), (ReduceKind::Min, 2)]
            .map(|(kind, axis)| Sample {
                op: ArgReduce { kind, axis },
                inputs: vec![Type::f32([3, 4, 5])],
                range: (-2.0, 2.0),
            })
            .to_vec()
    }
}
