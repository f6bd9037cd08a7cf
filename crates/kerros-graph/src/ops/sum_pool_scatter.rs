use kerros_core::Result;
use kerros_core::law::window::PoolSizes;
use kerros_core::program::Binary;

use super::max_pool::{for_each_window, met, pool_cases, pooled};
use super::max_pool_scatter::expect_pooled;
use super::window::{PoolSpec, parts};
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// The derivative of a [`SumPool`](super::SumPool): each window gives its element of `dy` to
/// all places that it meets, where what arrives is added.
///
/// `dy: [batch, spatial.., channels] -> [batch, input.., channels]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SumPoolScatter {
    /// How the window slides.
    pub spec: PoolSpec,
    /// The spatial lengths of the result.
    pub input: Vec<usize>,
}

impl SumPoolScatter {
    /// The type of the result.
    fn result(&self, dy: &Type) -> Result<Type> {
        expect_float(dy)?;
        let (batch, _, channels) = parts(&dy.shape, self.spec.size.len())?;
        let x = Type::f32([&[batch], &self.input[..], &[channels]].concat());
        expect_pooled(&self.spec, &x, dy)?;
        Ok(x)
    }

    /// The sizes of the pooling for a derivative of this shape.
    ///
    /// # Errors
    /// Shapes and settings that do not fit each other.
    pub fn sizes(&self, dy: &[usize]) -> Result<PoolSizes> {
        self.spec.sizes(&self.result(&Type::f32(dy))?.shape)
    }
}

impl Operation for SumPoolScatter {
    const NAME: &'static str = "sum_pool_scatter";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        self.result(&inputs[0])
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(vec![Some(context.dy.sum_pool(self.spec.clone()))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let dy = inputs[0].as_floats();
        let sizes = self.sizes(&inputs[0].shape).expect("the shape rule accepted the operand");
        let mut dx = vec![T::from_f32(0.0); ty.shape.num_elements()];
        let mut from = dy.iter();
        for_each_window(&sizes, |item, output, channel| {
            let dy = *from.next().expect("an element for each window");
            for at in met(&sizes, item, output, channel) {
                dx[at] = T::binary(Binary::Add, dx[at], dy);
            }
        });
        Array::floats(&ty.shape, dx)
    }

    attributes!(spec, input);

    fn samples() -> Vec<Sample<Self>> {
        pool_cases()
            .into_iter()
            .map(|(spec, x)| {
                let input = x[1..x.len() - 1].to_vec();
                let y = pooled(&spec, &Type::f32(x)).expect("the cases fit");
                Sample { op: SumPoolScatter { spec, input }, inputs: vec![y], range: (-2.0, 2.0) }
            })
            .collect()
    }
}
