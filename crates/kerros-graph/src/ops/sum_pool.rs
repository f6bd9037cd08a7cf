use kerros_core::Result;
use kerros_core::program::Binary;

use super::max_pool::{accepted, for_each_window, met, pool_cases, pooled};
use super::window::PoolSpec;
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// `y[o] = sum over taps t of x[o * stride + t - low]`, channel by channel: the sum of each
/// window. Divided by the number of elements it is average pooling
/// ([`Node::avg_pool`](crate::Node::avg_pool)).
///
/// `x: [batch, spatial.., channels] -> [batch, spatial.., channels]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SumPool {
    /// How the window slides.
    pub spec: PoolSpec,
}

impl Operation for SumPool {
    const NAME: &'static str = "sum_pool";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        pooled(&self.spec, &inputs[0])
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, dy) = (context.inputs[0], context.dy);
        let spatial = self.spec.size.len();
        Ok(vec![Some(dy.sum_pool_scatter(&x.shape()[1..=spatial], self.spec.clone()))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let x = inputs[0].as_floats();
        let sizes = accepted(&self.spec, inputs[0]);
        let mut y = Vec::with_capacity(ty.shape.num_elements());
        for_each_window(&sizes, |item, output, channel| {
            let elements = met(&sizes, item, output, channel).map(|at| x[at]);
            y.push(elements.fold(T::from_f32(0.0), |sum, x| T::binary(Binary::Add, sum, x)));
        });
        Array::floats(&ty.shape, y)
    }

    attributes!(spec);

    fn samples() -> Vec<Sample<Self>> {
        pool_cases()
            .into_iter()
            .map(|(spec, x)| Sample {
                op: SumPool { spec },
                inputs: vec![Type::f32(x)],
                range: (-2.0, 2.0),
            })
            .collect()
    }
}
