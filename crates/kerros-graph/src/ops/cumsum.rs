use kerros_core::program::Binary;
use kerros_core::{Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// Running sums along an axis: `y[i] = x[0] + .. + x[i]`, added in that order; from the
/// other end when reversed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CumSum {
    /// Along which axis.
    pub axis: usize,
    /// Whether to start at the end.
    pub reverse: bool,
}

impl Operation for CumSum {
    const NAME: &'static str = "cumsum";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        expect_float(&inputs[0])?;
        if self.axis >= inputs[0].shape.ndim() {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("axis {} of {}", self.axis, inputs[0]),
            ));
        }
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let other_way = CumSum { axis: self.axis, reverse: !self.reverse };
        Ok(vec![Some(context.dy.graph().apply(other_way, &[context.dy]))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let mut y = inputs[0].as_floats().to_vec();
        let len = ty.shape[self.axis];
        let inner: usize = ty.shape[self.axis + 1..].iter().product();
        let outer: usize = ty.shape[..self.axis].iter().product();
        for row in 0..outer {
            for column in 0..inner {
                let place = |i: usize| {
                    let i = if self.reverse { len - 1 - i } else { i };
                    (row * len + i) * inner + column
                };
                for i in 1..len {
                    y[place(i)] = T::binary(Binary::Add, y[place(i - 1)], y[place(i)]);
                }
            }
        }
        Array::floats(&ty.shape, y)
    }

    attributes!(axis, reverse);

    fn samples() -> Vec<Sample<Self>> {
        [(0, false), (1, true), (1, false)]
            .map(|(axis, reverse)| Sample {
                op: CumSum { axis, reverse },
                inputs: vec![Type::f32([3, 5])],
                range: (-2.0, 2.0),
            })
            .to_vec()
    }
}
