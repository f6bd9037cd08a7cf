use kerros_core::{Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// The elements of an axis in reverse order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reverse {
    /// Which axis.
    pub axis: usize,
}

impl Operation for Reverse {
    const NAME: &'static str = "reverse";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        if self.axis >= inputs[0].shape.ndim() {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("axis {} of {}", self.axis, inputs[0]),
            ));
        }
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(vec![Some(context.dy.reverse(self.axis))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let inner: usize = ty.shape[self.axis + 1..].iter().product();
        let len = ty.shape[self.axis];
        inputs[0].gather(&ty.shape, |i| {
            let at = i / inner % len;
            i - at * inner + (len - 1 - at) * inner
        })
    }

    attributes!(axis);

    fn samples() -> Vec<Sample<Self>> {
        [0, 1]
            .map(|axis| Sample {
                op: Reverse { axis },
                inputs: vec![Type::f32([3, 4])],
                range: (-2.0, 2.0),
            })
            .to_vec()
    }
}
