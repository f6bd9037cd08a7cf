use kerros_core::program::Binary;
use kerros_core::{Error, ErrorKind, Result};

use super::max_pool::{accepted, for_each_window, met, place_of_max, pool_cases, pooled};
use super::window::PoolSpec;
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// The derivative of a [`MaxPool`](super::MaxPool): each window of `x` gives its element of
/// `dy` to the place of its maximum, the first of equals, where all that arrives is added.
///
/// `x: [batch, input.., channels]`, `dy: [batch, spatial.., channels]`
/// `-> [batch, input.., channels]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MaxPoolScatter {
    /// How the window slides.
    pub spec: PoolSpec,
}

impl Operation for MaxPoolScatter {
    const NAME: &'static str = "max_pool_scatter";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        expect_pooled(&self.spec, &inputs[0], &inputs[1])?;
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        // The place of a maximum does not change, except at ties.
        let (x, g) = (context.inputs[0], context.dy);
        Ok(vec![None, Some(x.max_pool_gather(g, self.spec.clone()))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let (x, dy) = (inputs[0].as_floats(), inputs[1].as_floats());
        let sizes = accepted(&self.spec, inputs[0]);
        let mut dx = vec![T::from_f32(0.0); x.len()];
        let mut from = dy.iter();
        for_each_window(&sizes, |item, output, channel| {
            let dy = *from.next().expect("an element for each window");
            if let Some(at) = place_of_max(x, met(&sizes, item, output, channel)) {
                dx[at] = T::binary(Binary::Add, dx[at], dy);
            }
        });
        Array::floats(&ty.shape, dx)
    }

    attributes!(spec);

    fn samples() -> Vec<Sample<Self>> {
        pool_cases()
            .into_iter()
            .map(|(spec, x)| {
                let x = Type::f32(x);
                let y = pooled(&spec, &x).expect("the cases fit");
                Sample { op: MaxPoolScatter { spec }, inputs: vec![x, y], range: (-2.0, 2.0) }
            })
            .collect()
    }
}

/// Checks that `y` has the type of pooling `x`.
pub(super) fn expect_pooled(spec: &PoolSpec, x: &Type, y: &Type) -> Result<()> {
    expect_float(y)?;
    let expected = pooled(spec, x)?;
    if *y == expected {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Shape, format!("one element per window of {x} in {y}"))
        .expected(expected.to_string()))
}
