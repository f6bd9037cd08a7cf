use kerros_core::{Error, ErrorKind, Result};

use super::max_pool::{accepted, for_each_window, met, place_of_max, pool_cases, pooled};
use super::window::PoolSpec;
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// The elements of `values` at the places where the windows of `x` have their maxima: the
/// derivative of a [`MaxPoolScatter`](super::MaxPoolScatter). 0 where a window meets nothing
/// but padding.
///
/// `x, values: [batch, input.., channels] -> [batch, spatial.., channels]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MaxPoolGather {
    /// How the window slides.
    pub spec: PoolSpec,
}

impl Operation for MaxPoolGather {
    const NAME: &'static str = "max_pool_gather";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        expect_float(&inputs[1])?;
        if inputs[0] != inputs[1] {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("values of {} at the maxima of {}", inputs[1], inputs[0]),
            )
            .expected("the same type twice"));
        }
        pooled(&self.spec, &inputs[0])
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, dy) = (context.inputs[0], context.dy);
        Ok(vec![None, Some(x.max_pool_scatter(dy, self.spec.clone()))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let (x, values) = (inputs[0].as_floats(), inputs[1].as_floats());
        let sizes = accepted(&self.spec, inputs[0]);
        let mut y = Vec::with_capacity(ty.shape.num_elements());
        for_each_window(&sizes, |item, output, channel| {
            let place = place_of_max(x, met(&sizes, item, output, channel));
            y.push(place.map_or(T::from_f32(0.0), |at| values[at]));
        });
        Array::floats(&ty.shape, y)
    }

    attributes!(spec);

    fn samples() -> Vec<Sample<Self>> {
        pool_cases()
            .into_iter()
            .map(|(spec, x)| Sample {
                op: MaxPoolGather { spec },
                inputs: vec![Type::f32(&x[..]), Type::f32(x)],
                range: (-2.0, 2.0),
            })
            .collect()
    }
}
